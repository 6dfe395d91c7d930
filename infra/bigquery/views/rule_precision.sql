-- Of each rule how many of its blocks look wrong, by `block_suspects`; shadow rules are not in it.
SELECT
  decisions.main_rule,
  COUNT(*) AS blocks,
  COUNTIF(suspects.user_id IS NOT NULL) AS suspect,
  1 - COUNTIF(suspects.user_id IS NOT NULL) / COUNT(*) AS precision_at_least
FROM `${project}.${dataset}.decisions` AS decisions
LEFT JOIN `${project}.${dataset}.block_suspects` AS suspects
  ON suspects.user_id = decisions.subject_id AND suspects.since = decisions.since
WHERE decisions.measure = 'block' AND NOT decisions.shadow
GROUP BY decisions.main_rule
