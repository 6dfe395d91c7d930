-- What operators found when they looked: of each decision the last verdict.
SELECT
  JSON_VALUE(data, '$.decisionId') AS decision_id,
  JSON_VALUE(data, '$.verdict') AS verdict,
  JSON_VALUE(data, '$.by') AS labelled_by,
  CAST(JSON_VALUE(data, '$.decidedAt') AS TIMESTAMP) AS labelled_at
FROM `${project}.${dataset}.decisions_raw`
WHERE publish_time >= CURRENT_TIMESTAMP - INTERVAL 100 DAY AND JSON_VALUE(data, '$.verdict') IS NOT NULL
QUALIFY ROW_NUMBER() OVER (PARTITION BY JSON_VALUE(data, '$.decisionId') ORDER BY publish_time DESC) = 1
