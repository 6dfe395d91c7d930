-- What was refused, and why, by day.
SELECT CAST(received_at AS DATE) AS day, type, cause, COUNT(*) AS refusals, COUNT(DISTINCT user_id) AS users
FROM `${project}.${dataset}.events`
WHERE outcome = 'refused'
GROUP BY day, type, cause
