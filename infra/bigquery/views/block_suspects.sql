-- Blocks that may have hit somebody good: few models, most of them opened. Look at these first.
SELECT
  decisions.subject_id AS user_id,
  decisions.since,
  decisions.main_rule,
  decisions.score,
  COUNT(DISTINCT events.model) AS models,
  COUNT(DISTINCT CASE WHEN events.type = 'model.opened' THEN events.model END) AS models_opened
FROM `${project}.${dataset}.decisions` AS decisions
JOIN `${project}.${dataset}.events` AS events ON events.user_id = decisions.subject_id
WHERE decisions.measure = 'block' AND NOT decisions.shadow AND decisions.kind = 'user'
  AND events.type IN ('grant.made', 'model.opened')
GROUP BY decisions.subject_id, decisions.since, decisions.main_rule, decisions.score
HAVING COUNT(DISTINCT events.model) < 8
  AND COUNT(DISTINCT CASE WHEN events.type = 'model.opened' THEN events.model END) * 2 > COUNT(DISTINCT events.model)
