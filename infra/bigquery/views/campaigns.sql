-- Newcomers by day: what they took that was new to them, how much of it was rare, and what pools and alerts refused.
SELECT
  CAST(received_at AS DATE) AS day,
  COUNT(DISTINCT CASE WHEN type = 'grant.made' THEN user_id END) AS newcomers,
  COUNTIF(type = 'grant.made') AS new_models,
  COUNTIF(type = 'grant.made' AND JSON_VALUE(attributes, '$.rare') = 'true') AS rare_models,
  COUNTIF(type = 'limit.hit') AS refused,
  COUNT(DISTINCT CASE WHEN type = 'limit.hit' THEN user_id END) AS users_refused
FROM `${project}.${dataset}.events`
WHERE (type = 'grant.made' AND JSON_VALUE(attributes, '$.fresh') = 'true' AND JSON_VALUE(attributes, '$.newcomer') = 'true')
  OR (type = 'limit.hit' AND reason IN ('campaign_tail', 'campaign_rare', 'campaign_closed', 'campaign_moved', 'campaign_fleet'))
GROUP BY day
