-- Whom the rules under trial would block and those in force do not, and the other way round.
SELECT
  CASE WHEN MAX(CASE WHEN shadow THEN 1 ELSE 0 END) = 1 THEN 'trial only' ELSE 'in force only' END AS blocked_by,
  kind,
  subject_id,
  MIN(since) AS first_block
FROM `${project}.${dataset}.decisions`
WHERE measure = 'block'
GROUP BY kind, subject_id
HAVING MAX(CASE WHEN shadow THEN 1 ELSE 0 END) <> MAX(CASE WHEN shadow THEN 0 ELSE 1 END)
