-- One row a decision and rule behind it: all causes, not the main one alone, as the decision was published last.
SELECT
  JSON_VALUE(data, '$.decisionId') AS decision_id,
  JSON_VALUE(data, '$.kind') AS kind,
  JSON_VALUE(data, '$.id') AS subject_id,
  JSON_VALUE(data, '$.measure') AS measure,
  CAST(JSON_VALUE(data, '$.since') AS TIMESTAMP) AS since,
  JSON_VALUE(cause, '$.rule') AS rule,
  CAST(JSON_VALUE(cause, '$.points') AS FLOAT64) AS points,
  JSON_VALUE(data, '$.shadow') = 'true' AS shadow
FROM (
  SELECT data FROM `${project}.${dataset}.decisions_raw`
  WHERE publish_time >= CURRENT_TIMESTAMP - INTERVAL 100 DAY AND JSON_VALUE(data, '$.verdict') IS NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY JSON_VALUE(data, '$.decisionId') ORDER BY publish_time DESC) = 1
) AS latest, UNNEST(JSON_QUERY_ARRAY(data, '$.causes')) AS cause
