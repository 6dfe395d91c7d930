-- One row an event of the last 35 days, however often it was delivered: as a query pays for what it reads, the
-- table's partitions are bounded here. Who asks about longer reads events_raw with a time of his own.
SELECT
  raw.eventId AS event_id,
  raw.type AS type,
  raw.source AS source,
  raw.occurredAt AS occurred_at,
  raw.receivedAt AS received_at,
  raw.authenticated AS authenticated,
  raw.user AS user_id,
  raw.device AS device_id,
  raw.network AS network_id,
  raw.platform AS platform,
  raw.appVersion AS app_version,
  raw.model AS model,
  raw.version AS version,
  raw.grant AS grant_id,
  raw.outcome AS outcome,
  raw.cause AS cause,
  JSON_VALUE(raw.attributesJson, '$.reason') AS reason,
  raw.attributesJson AS attributes
FROM `${project}.${dataset}.events_raw` AS raw
WHERE raw.publish_time >= CURRENT_TIMESTAMP - INTERVAL 35 DAY
QUALIFY ROW_NUMBER() OVER (PARTITION BY raw.eventId ORDER BY raw.publish_time) = 1
