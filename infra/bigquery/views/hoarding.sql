-- Different models that each user got on each day and in all.
SELECT
  user_id,
  CAST(received_at AS DATE) AS day,
  COUNT(DISTINCT model) AS models,
  COUNT(DISTINCT device_id) AS devices,
  COUNT(DISTINCT network_id) AS networks
FROM `${project}.${dataset}.events`
WHERE type = 'grant.made'
GROUP BY user_id, day
