-- One row a decision of the last 100 days, however often it was published; of several the last, which knows most.
SELECT
  JSON_VALUE(data, '$.decisionId') AS decision_id,
  JSON_VALUE(data, '$.kind') AS kind,
  JSON_VALUE(data, '$.id') AS subject_id,
  JSON_VALUE(data, '$.measure') AS measure,
  CAST(JSON_VALUE(data, '$.since') AS TIMESTAMP) AS since,
  CAST(JSON_VALUE(data, '$.until') AS TIMESTAMP) AS until,
  CAST(JSON_VALUE(data, '$.score') AS FLOAT64) AS score,
  CAST(JSON_VALUE(data, '$.escalation') AS INT64) AS escalation,
  JSON_VALUE(data, '$.causes[0].rule') AS main_rule,
  JSON_VALUE(data, '$.causes[0].words') AS main_words,
  CAST(JSON_VALUE(data, '$.causes[0].points') AS FLOAT64) AS main_points,
  JSON_VALUE(data, '$.rules') AS rules_version,
  JSON_VALUE(data, '$.appVersion') AS app_version,
  COALESCE(JSON_VALUE(data, '$.heldBack'), 'false') = 'true' AS held_back,
  JSON_VALUE(data, '$.shadow') = 'true' AS shadow
FROM `${project}.${dataset}.decisions_raw`
WHERE publish_time >= CURRENT_TIMESTAMP - INTERVAL 100 DAY AND JSON_VALUE(data, '$.verdict') IS NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY JSON_VALUE(data, '$.decisionId') ORDER BY publish_time DESC) = 1
