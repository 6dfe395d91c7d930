-- Lines of yesterday's and today's logs that look like what no log may hold. The query fails where there is one,
-- and says how many of which kind; it never shows the line itself.
WITH lines AS (
  SELECT CONCAT(IFNULL(TO_JSON_STRING(json_payload), ''), IFNULL(text_payload, '')) AS line
  FROM `${table}`
  WHERE timestamp > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 26 HOUR)
),
found AS (
  SELECT
    COUNTIF(REGEXP_CONTAINS(line, r'[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+[.][A-Za-z]{2,}') AND NOT REGEXP_CONTAINS(line, r'gserviceaccount[.]com')) AS mail_addresses,
    COUNTIF(REGEXP_CONTAINS(line, r'eyJ[A-Za-z0-9_-]{16,}[.]eyJ[A-Za-z0-9_-]{16,}')) AS tokens,
    COUNTIF(REGEXP_CONTAINS(line, r'X-Goog-Signature=[0-9a-f]{32,}')) AS signed_urls,
    COUNTIF(REGEXP_CONTAINS(line, r'[^0-9a-zA-Z_-][+][1-9][0-9]{9,14}[^0-9a-zA-Z_-]')) AS phone_numbers
  FROM lines
)
SELECT IF(
  mail_addresses + tokens + signed_urls + phone_numbers = 0,
  'clean',
  ERROR(FORMAT('personal data in the logs: %d mail addresses, %d tokens, %d signed URLs, %d phone numbers', mail_addresses, tokens, signed_urls, phone_numbers))
) AS outcome
FROM found
