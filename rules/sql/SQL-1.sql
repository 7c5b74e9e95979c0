-- SQL-1: each site has an SQL Server of its own.
--
-- Decides, for breaches only: logins to the databases of two sites (SMS_ or CM_ and a site code) at one address and port
-- (fail, strong: a copy of a database looks like another site), or two sites that are declared for one instance (fail).
-- Cannot be told: sites whose logins are inside TLS, or that share a host by instances with ports of their own. So
-- nothing passes.
WITH
login AS (
    SELECT id, min(packet) AS packet, time, server, port, upper(substr(database, instr(database, '_') + 1)) AS code
    FROM sql_login
    WHERE accepted = 1 AND server IS NOT NULL
      AND (upper(database) GLOB 'SMS_[0-9A-Z][0-9A-Z][0-9A-Z]' OR upper(database) GLOB 'CM_[0-9A-Z][0-9A-Z][0-9A-Z]')
    GROUP BY server, port, upper(substr(database, instr(database, '_') + 1))
),
shared AS (
    SELECT server, port FROM login GROUP BY server, port HAVING count(DISTINCT code) > 1
),
declared AS (
    SELECT one.id, one.host, one.site_code, other.site_code AS other_code
    FROM site_sql one JOIN site_sql other ON other.host = one.host AND other.id < one.id
    WHERE one.site_code <> other.site_code AND one.port IS other.port
      AND coalesce(upper(one.instance), '') = coalesce(upper(other.instance), '')
)
SELECT 'fail' AS result, 'strong' AS grade, 'sql_login' AS evidence, id AS row, packet, time,
       server || ':' || port || ' site ' || code AS subject,
       'one SQL Server holds the databases of several sites' AS why, NULL AS rests_on
FROM login JOIN shared USING (server, port)
UNION ALL
SELECT 'fail', 'strong', 'site_sql', id, NULL, NULL, host || ' sites ' || other_code || ', ' || site_code,
       'one SQL Server is declared for several sites', 'declared'
FROM declared
UNION ALL
SELECT 'notobserved', 'hint', 'sql_login', id, packet, time, server || ':' || port || ' site ' || code,
       'the database of one site was seen here; which others there are is not on the wire', NULL
FROM login
WHERE NOT EXISTS (SELECT 1 FROM shared WHERE shared.server = login.server AND shared.port IS login.port)
