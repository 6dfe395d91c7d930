-- From grant to use: a grant that is never opened was lost on the way, or harvested.
SELECT
  CAST(granted.received_at AS DATE) AS day,
  granted.model,
  COUNT(*) AS pairs,
  COUNTIF(opened.model IS NOT NULL) AS opened,
  COUNTIF(opened.model IS NOT NULL) / COUNT(*) AS share_opened
FROM (
  SELECT user_id, model, MIN(received_at) AS received_at
  FROM `${project}.${dataset}.events` WHERE type = 'grant.made' GROUP BY user_id, model
) AS granted
LEFT JOIN (
  SELECT DISTINCT user_id, model FROM `${project}.${dataset}.events` WHERE type = 'model.opened'
) AS opened ON opened.user_id = granted.user_id AND opened.model = granted.model
GROUP BY day, granted.model
