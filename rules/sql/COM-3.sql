-- COM-3: consider other ports than the usual ones for client communication.
--
-- Decides: the ports of management, distribution and software update points. A usual port (80, 443, 8530, 8531) is
-- advice, never a failure, since the text says "consider". Passes only if all ConfigMgr traffic of the capture goes to
-- other ports, and for each role to one. Different ports for one role make roaming clients fail: a hint.
-- Left out: fallback status, server locator and reporting points, client notification, which have ports of their own.
-- TLS whose content is hidden counts where the site file declares a management, distribution or software update point at
-- that address, and the port is a usual one or declared.
-- Cannot be told: what is inside TLS to a usual port of other servers. Where there is such a flow, nothing passes.
WITH
exchange AS (
    SELECT 'http' AS evidence, id, packet, time, server, port, NULL AS source,
           CASE WHEN service = 'dp' THEN 'distribution point'
                WHEN service = 'sup' THEN 'software update point'
                ELSE 'management point' END AS role
    FROM http
    WHERE service IN ('mp', 'mp-upload', 'mp-policy', 'mp-auth', 'mp-client', 'mp-token', 'mp-user', 'dp', 'sup')
      AND port IS NOT NULL
      AND (status BETWEEN 200 AND 299 OR status IN (304, 401, 403)) -- else it may be any server
    UNION ALL
    SELECT 'tls', tls.id, tls.packet, tls.time, tls.server, tls.port, 'declared', replace(site_role.role, '_', ' ')
    FROM site_role JOIN tls ON tls.server = site_role.host
    WHERE site_role.role IN ('management_point', 'distribution_point', 'software_update_point')
      AND tls.complete = 1 AND tls.decrypted = 0
      AND (tls.port IN (443, 8531) OR tls.port IN (SELECT port FROM site_port))
),
used AS (
    SELECT evidence, id, min(packet) AS packet, time, server, port, role, port IN (80, 443, 8530, 8531) AS usual, source
    FROM exchange
    GROUP BY server, port, role, source
),
roles AS (
    SELECT role, count(DISTINCT port) AS ports
    FROM used
    WHERE NOT usual
    GROUP BY role
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM used WHERE usual)
        OR EXISTS (SELECT 1 FROM roles WHERE ports > 1)
        OR EXISTS (SELECT 1 FROM coverage WHERE incomplete = 1 AND value > 0)
        OR EXISTS (SELECT 1 FROM flow
                   WHERE encrypted = 1 AND dport IN (443, 8531) AND dst IN (SELECT server FROM used)) AS any
)
SELECT 'informational' AS result, 'proof' AS grade, evidence, id AS row, packet, time,
       role || ' ' || server || ':' || port AS subject,
       'usual port ' || port || ' in use for a ' || role AS why, source AS rests_on
FROM used
WHERE usual
UNION ALL
SELECT 'fail', 'hint', evidence, id, packet, time, role || ' ' || server || ':' || port,
       role || 's use different ports, which roaming clients do not know', source
FROM used JOIN roles USING (role)
WHERE NOT usual AND ports > 1
UNION ALL
SELECT 'pass', CASE WHEN (SELECT any FROM doubt) THEN 'hint' WHEN source IS NULL THEN 'proof' ELSE 'strong' END,
       evidence, id, packet, time, role || ' ' || server || ':' || port,
       'port ' || port || ' in use for a ' || role || ', not a usual one', source
FROM used
WHERE NOT usual
