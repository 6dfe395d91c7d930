-- Everything about a subject in order: WHERE subject_id = '…' ORDER BY happened_at.
SELECT 'user' AS kind, user_id AS subject_id, received_at AS happened_at, type AS what, cause AS detail, model, event_id AS id
FROM `${project}.${dataset}.events` WHERE user_id IS NOT NULL
UNION ALL
SELECT 'device' AS kind, device_id AS subject_id, received_at AS happened_at, type AS what, cause AS detail, model, event_id AS id
FROM `${project}.${dataset}.events` WHERE device_id IS NOT NULL AND authenticated = 'device'
UNION ALL
SELECT kind, subject_id, since AS happened_at, measure AS what, main_rule AS detail, CAST(NULL AS STRING) AS model, decision_id AS id
FROM `${project}.${dataset}.decisions` WHERE NOT shadow
