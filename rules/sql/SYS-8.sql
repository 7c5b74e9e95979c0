-- SYS-8: site systems are named by full DNS names.
--
-- Decides: the name by which clients call a site system, in the Host header and as TargetHost of their messages. A
-- name without a dot is a short (NetBIOS) name (fail). A full name passes, for the server that is called so. An
-- address in place of a name is legal where network load balancing is used in mixed mode, so it is only a hint; but
-- with it nothing passes.
-- A server that does not know the path that it was asked for (404, 405 ...) is no site system.
-- Software update points count only where the capture also shows a management or distribution point (else any WSUS
-- server would).
-- Cannot be told: roles that nobody called in this capture, and names in TLS, SMB and Kerberos (not judged yet).
WITH
site AS (
    SELECT EXISTS (SELECT 1 FROM http WHERE service LIKE 'mp%' OR service = 'dp') AS seen
),
used AS (
    SELECT 'http' AS evidence, id AS row, packet, time, server, host_of(host) AS name
    FROM http
    WHERE (service LIKE 'mp%' OR service IN ('dp', 'fsp', 'slp', 'reporting')
           OR (service = 'sup' AND (SELECT seen FROM site)))
      AND (status BETWEEN 200 AND 299 OR status IN (304, 401, 403))
    UNION ALL
    SELECT 'message', id, packet, time, server, host_of(target_host)
    FROM message
    WHERE direction = 'request'
),
first_use AS (
    SELECT evidence, row, min(packet) AS packet, time, server, name,
           CASE WHEN is_ip(name) THEN 'address' WHEN instr(name, '.') = 0 THEN 'short' ELSE 'full' END AS form
    FROM used
    WHERE name IS NOT NULL
    GROUP BY server, name
)
SELECT 'fail' AS result, 'proof' AS grade, evidence, row, packet, time,
       name || ' (' || coalesce(server, '?') || ')' AS subject,
       'site system called by its short name' AS why
FROM first_use
WHERE form = 'short'
UNION ALL
SELECT 'fail', 'hint', evidence, row, packet, time, name,
       'site system called by its address'
FROM first_use
WHERE form = 'address'
UNION ALL
SELECT 'pass',
       CASE WHEN EXISTS (SELECT 1 FROM first_use WHERE form = 'address') THEN 'hint' ELSE 'proof' END,
       evidence, row, packet, time, name || ' (' || coalesce(server, '?') || ')',
       'site system called by its full DNS name'
FROM first_use
WHERE form = 'full'
