-- Restrictions that the breaker made watches, by rule and version of the app: mistakes of ours, most likely.
SELECT CAST(since AS DATE) AS day, main_rule, app_version, COUNT(DISTINCT subject_id) AS subjects
FROM `${project}.${dataset}.decisions`
WHERE held_back AND NOT shadow
GROUP BY day, main_rule, app_version
