-- Of each rule and kind of subject how many blocks operators looked at, and the share of those that were right.
-- Null where nobody looked: what a blocked user does afterwards tells nothing about whether he was a thief.
SELECT
  causes.rule,
  causes.kind,
  COUNT(*) AS blocks,
  COUNTIF(labels.verdict IS NOT NULL) AS labelled,
  COUNTIF(labels.verdict = 'thief') / NULLIF(COUNTIF(labels.verdict IS NOT NULL), 0) AS precision_of_labelled
FROM `${project}.${dataset}.decision_causes` AS causes
LEFT JOIN `${project}.${dataset}.labels` AS labels ON labels.decision_id = causes.decision_id
WHERE causes.measure = 'block' AND NOT causes.shadow
GROUP BY causes.rule, causes.kind
