-- One row an event, however often it was delivered.
SELECT
  JSON_VALUE(data, '$.eventId') AS event_id,
  JSON_VALUE(data, '$.type') AS type,
  JSON_VALUE(data, '$.source') AS source,
  CAST(JSON_VALUE(data, '$.occurredAt') AS TIMESTAMP) AS occurred_at,
  CAST(JSON_VALUE(data, '$.receivedAt') AS TIMESTAMP) AS received_at,
  JSON_VALUE(data, '$.authenticated') AS authenticated,
  JSON_VALUE(data, '$.user') AS user_id,
  JSON_VALUE(data, '$.device') AS device_id,
  JSON_VALUE(data, '$.network') AS network_id,
  JSON_VALUE(data, '$.platform') AS platform,
  JSON_VALUE(data, '$.appVersion') AS app_version,
  JSON_VALUE(data, '$.model') AS model,
  JSON_VALUE(data, '$.version') AS version,
  JSON_VALUE(data, '$.grant') AS grant_id,
  JSON_VALUE(data, '$.outcome') AS outcome,
  JSON_VALUE(data, '$.cause') AS cause,
  JSON_VALUE(data, '$.attributes.reason') AS reason
FROM `${project}.${dataset}.events_raw`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY JSON_VALUE(data, '$.eventId') ORDER BY publish_time) = 1
