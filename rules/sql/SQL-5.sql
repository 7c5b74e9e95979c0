-- SQL-5: the SQL Server of the site is hardened.
--
-- Decides, at a site database: statements that can be read because nothing encrypts the connection (fail, proof), and the
-- built-in administrator (sa) that logs in (fail, proof). Tries of that login, and answers of the browser service, are
-- hints.
-- Passes, as far as transport goes, if all connections to all site databases that are known are encrypted to their end,
-- and nothing was missed.
-- Cannot be told: all other practices for SQL Server; a database on the site server itself. Where encryption is off, the login
-- packet is encrypted all the same.
WITH
base AS (
    SELECT host, port, 'declared' AS source
    FROM site_sql
    UNION
    SELECT host, NULL, min(source)
    FROM role
    WHERE role = 'site_database' AND host IS NOT NULL AND grade <> 'hint' AND host NOT IN (SELECT host FROM site_sql)
    GROUP BY host
),
connection AS (
    SELECT sql_login.id, sql_login.packet, sql_login.time, sql_login.client, sql_login.server, sql_login.encryption,
           sql_login.statements, sql_login.tls, sql_login.accepted, base.source,
           CASE WHEN sql_login.integrated IS NOT 1 THEN lower(sql_login.user) END AS user,
           sql_login.client || ' -> ' || sql_login.server || coalesce(' ' || sql_login.database, '') AS subject
    FROM base JOIN sql_login ON sql_login.server = base.host AND (base.port IS NULL OR base.port = sql_login.port)
    WHERE sql_login.database IS NULL OR upper(sql_login.database) GLOB 'SMS_[0-9A-Z][0-9A-Z][0-9A-Z]'
       OR upper(sql_login.database) GLOB 'CM_[0-9A-Z][0-9A-Z][0-9A-Z]' OR base.source = 'declared'
),
browser AS (
    SELECT sql_instance.id, min(sql_instance.packet) AS packet, sql_instance.time, base.host, base.source
    FROM base JOIN sql_instance ON sql_instance.server = base.host
    WHERE sql_instance.answered = 1
    GROUP BY base.host
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM connection WHERE tls = 0 AND coalesce(encryption, '') <> 'session')
        OR EXISTS (SELECT 1 FROM connection WHERE user = 'sa')
        OR EXISTS (SELECT 1 FROM base WHERE host NOT IN (SELECT server FROM connection))
        OR EXISTS (SELECT id FROM browser)
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0) AS any
)
SELECT 'fail' AS result, 'proof' AS grade, 'sql_login' AS evidence, id AS row, min(packet) AS packet, time, subject,
       'statements to the site database can be read' AS why, source AS rests_on
FROM connection
WHERE tls = 0 AND statements > 0
GROUP BY client, server
UNION ALL
SELECT 'fail', CASE WHEN accepted = 1 THEN 'proof' ELSE 'hint' END, 'sql_login', id, min(packet), time, subject,
       CASE WHEN accepted = 1 THEN 'the built-in administrator (sa) logged in to the server of the site database'
            ELSE 'somebody tried to log in as the built-in administrator (sa)' END, source
FROM connection
WHERE user = 'sa'
GROUP BY client, server, accepted = 1
UNION ALL
SELECT 'fail', 'hint', 'sql_error', sql_error.id, min(sql_error.packet), sql_error.time, connection.subject,
       'somebody tried to log in as the built-in administrator (sa)', connection.source
FROM connection JOIN sql_error ON sql_error.login = connection.id
WHERE sql_error.number = 18456 AND sql_error.text LIKE '%''sa''%' AND connection.user IS NOT 'sa'
GROUP BY connection.server
UNION ALL
SELECT 'fail', 'hint', 'sql_instance', id, packet, time, host,
       'the browser service of the SQL Server of the site answers', source
FROM browser
UNION ALL
SELECT CASE WHEN encryption = 'session' THEN 'pass' ELSE 'notobserved' END,
       CASE WHEN encryption <> 'session' OR (SELECT any FROM doubt) THEN 'hint' ELSE 'proof' END, 'sql_login', id,
       min(packet), time, subject,
       CASE WHEN encryption = 'session'
            THEN 'connections to the site database are encrypted; the other practices for SQL Server are not on the wire'
            ELSE 'only the login to the site database is encrypted, if anything; no statement was seen' END, source
FROM connection
WHERE tls = 0 AND (encryption = 'session' OR coalesce(statements, 0) = 0 AND encryption IN ('login', 'none'))
GROUP BY client, server, encryption
