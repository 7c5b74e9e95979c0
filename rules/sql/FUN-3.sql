-- FUN-3: only known computers administer the site.
--
-- Decides, where the site file declares consoles (admins): sessions of WMI, services, registry, tasks, remote desktop and the
-- administration service with a site system, and of tools for people with its SQL Server, from other hosts. Such a session fails
-- (strong), unless its host is a site system or a domain controller itself, or its NTLM account is declared.
-- Cannot be told: who sits at a console; what is inside sealed sessions. So nothing passes. Jump hosts, monitoring and backup
-- must be declared.
WITH
console AS (
    SELECT host FROM site_admin WHERE kind = 'console' AND host IS NOT NULL
),
session AS (
    SELECT 'rpc' AS evidence, rpc.id, rpc.packet, rpc.time, rpc.client, rpc.server, system.source,
           'RPC: ' || replace(rpc.purpose, '-', ' ') AS kind,
           lower(coalesce(ntlm.domain || '\', '') || ntlm.user) AS account
    FROM system JOIN rpc ON rpc.server = system.host LEFT JOIN ntlm ON ntlm.id = rpc.ntlm
    WHERE rpc.purpose IN ('service-control', 'registry', 'wmi', 'tasks') AND rpc.calls > 0 AND coalesce(rpc.accepted, 1) = 1
    UNION ALL
    SELECT 'rdp', rdp.id, rdp.packet, rdp.time, rdp.client, rdp.server, system.source, 'remote desktop', NULL
    FROM system JOIN rdp ON rdp.server = system.host
    WHERE rdp.selected IS NOT NULL
    UNION ALL
    SELECT 'http', http.id, http.packet, http.time, http.client, http.server, system.source, 'administration service',
           lower(http.auth_user)
    FROM system JOIN http ON http.server = system.host
    WHERE http.service = 'provider' AND http.status BETWEEN 200 AND 299
    UNION ALL
    SELECT 'sql_login', sql_login.id, sql_login.packet, sql_login.time, sql_login.client, sql_login.server, system.source,
           sql_login.application, lower(sql_login.user)
    FROM system JOIN sql_login ON sql_login.server = system.host
    WHERE sql_login.accepted = 1
      AND (sql_login.application LIKE '%Management Studio%' OR sql_login.application LIKE 'SQLCMD%'
           OR sql_login.application LIKE 'SQL Query Analyzer%' OR sql_login.application LIKE 'OSQL%'
           OR sql_login.application LIKE 'azdata%' OR sql_login.application LIKE 'MS SQLEM%')
),
outside AS (
    SELECT evidence, id, min(packet) AS packet, time, client, server, source, kind
    FROM session
    WHERE client NOT IN (SELECT host FROM console) AND client NOT IN (SELECT host FROM system)
      AND client NOT IN (SELECT host FROM role WHERE role = 'domain_controller' AND host IS NOT NULL)
      AND client NOT IN (SELECT host FROM site_domain_controller)
      AND coalesce(account, '') NOT IN (SELECT lower(account) FROM site_admin WHERE account IS NOT NULL)
    GROUP BY client, server, kind
)
SELECT CASE WHEN EXISTS (SELECT host FROM console) THEN 'fail' ELSE 'notobserved' END AS result,
       CASE WHEN EXISTS (SELECT host FROM console) THEN 'strong' ELSE 'hint' END AS grade, evidence, id AS row, packet, time,
       client || ' -> ' || server || ' (' || kind || ')' AS subject,
       CASE WHEN EXISTS (SELECT host FROM console) THEN 'a site system is administered from a computer that is not declared'
            ELSE 'a site system is administered from another computer; the site file declares no console to compare it with' END
           AS why,
       max(source, 'declared') AS rests_on
FROM outside
