-- Refused attestations and proofs by app version: a new version that fails everywhere is our fault.
SELECT
  CAST(received_at AS DATE) AS day,
  app_version,
  platform,
  cause,
  reason,
  COUNT(*) AS refusals,
  COUNT(DISTINCT user_id) AS users,
  COUNT(DISTINCT network_id) AS networks
FROM `${project}.${dataset}.events`
WHERE type IN ('device.refused', 'grant.refused', 'renewal.refused', 'report.refused')
  AND cause IN ('attestation_failed', 'device_not_trusted', 'proof_invalid', 'reattestation_required')
GROUP BY day, app_version, platform, cause, reason
