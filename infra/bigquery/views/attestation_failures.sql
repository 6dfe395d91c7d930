-- Refused attestations and proofs by app version and network: a new version that fails in every
-- network is our fault, one network that fails with every version is somebody else's.
SELECT
  CAST(received_at AS DATE) AS day,
  app_version,
  platform,
  network_id,
  cause,
  reason,
  COUNT(*) AS refusals,
  COUNT(DISTINCT user_id) AS users
FROM `${project}.${dataset}.events`
WHERE type IN ('device.refused', 'grant.refused', 'renewal.refused', 'report.refused')
  AND cause IN ('attestation_failed', 'device_not_trusted', 'proof_invalid', 'reattestation_required')
GROUP BY day, app_version, platform, network_id, cause, reason
