-- Blocks with their main cause, by day.
SELECT CAST(since AS DATE) AS day, kind, main_rule, main_words, COUNT(*) AS blocks, MAX(escalation) AS most_escalated
FROM `${project}.${dataset}.decisions`
WHERE measure = 'block' AND NOT shadow
GROUP BY day, kind, main_rule, main_words
