-- SQL-3: SQL Server uses Windows authentication only.
--
-- Decides, for breaches only: a login with a name and password of SQL Server, readable in clear, that a server accepted
-- for a site database (SMS_ or CM_ and a site code), or that an instance which is declared for a site accepted for
-- any database (fail). One that was refused, or whose answer was not seen,
-- shows only what a client tried.
-- Cannot be told: the mode of the server, and logins inside TLS (the usual case: the login packet is encrypted). So
-- Windows logins alone do not pass.
WITH
login AS (
    SELECT id, packet, time, integrated, auth, accepted,
           coalesce(client, '?') || ' -> ' || coalesce(server, '?') || ' ' || database AS subject, NULL AS source
    FROM sql_login
    WHERE upper(database) GLOB 'SMS_[0-9A-Z][0-9A-Z][0-9A-Z]' OR upper(database) GLOB 'CM_[0-9A-Z][0-9A-Z][0-9A-Z]'
    UNION ALL
    SELECT id, packet, time, integrated, auth, accepted,
           coalesce(client, '?') || ' -> ' || server || coalesce(' ' || database, ''), 'declared'
    FROM sql_login
    WHERE NOT coalesce(upper(database) GLOB 'SMS_[0-9A-Z][0-9A-Z][0-9A-Z]'
                       OR upper(database) GLOB 'CM_[0-9A-Z][0-9A-Z][0-9A-Z]', 0)
      AND EXISTS (SELECT 1 FROM site_sql
                  WHERE site_sql.host = sql_login.server AND (site_sql.port IS NULL OR site_sql.port = sql_login.port))
)
SELECT 'fail' AS result, CASE WHEN accepted = 1 THEN 'proof' ELSE 'hint' END AS grade, 'sql_login' AS evidence,
       id AS row, packet, time, subject,
       CASE WHEN accepted = 1 THEN 'the server of the site database took a login of SQL Server'
            ELSE 'a client tried a login of SQL Server' END AS why, source AS rests_on
FROM login
WHERE integrated = 0 AND auth = 'sql'
UNION ALL
SELECT 'notobserved', 'hint', 'sql_login', id, packet, time, subject,
       'Windows authentication was used here; which others the server takes is not on the wire', NULL
FROM login
WHERE integrated = 1
