-- NAM-2: site systems and senders are configured with full DNS names.
--
-- Decides: the name by which clients call a site system, in the Host header and as TargetHost of their messages. A
-- name without a dot is a short (NetBIOS) name (fail). An address in place of a name is legal where network load
-- balancing is used in mixed mode, so it is only a hint.
-- A server that does not know the path that it was asked for (404, 405 ...) is no site system.
-- Software update points count only where the capture also shows a management or distribution point (else any WSUS
-- server would).
-- Cannot be told: the addresses of senders between sites (SMB, not judged yet). They are half of the sentence, so full
-- names of site systems alone do not pass.
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
SELECT 'notobserved', 'hint', evidence, row, packet, time, name || ' (' || coalesce(server, '?') || ')',
       'site system called by its full DNS name; addresses of senders are not judged yet'
FROM first_use
WHERE form = 'full'
