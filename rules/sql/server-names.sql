-- SYS-8, NAM-2: site systems, and the senders between sites, are named by full DNS names.
--
-- Decides: the name by which clients call a site system, in the Host header and as TargetHost of their messages; by
-- which a site system is called over SMB and Kerberos, by senders of other sites too; and questions by NetBIOS or LLMNR
-- for the short name of a host that is declared. A name without a dot is a short (NetBIOS) name (fail). An address in
-- place of a name is legal where network load balancing is used in mixed mode, so it is only a hint; but with it
-- nothing passes.
-- SYS-8 passes with a full name, for the server that is called so. NAM-2 does not: the senders that there are and that
-- sent nothing in this capture, or inside IPsec, are half of its sentence.
-- A server that does not know the path that it was asked for (404, 405 ...) is no site system.
-- Software update points count only where the capture also shows a management or distribution point (else any WSUS
-- server would).
-- A site system, declared or learned, that nobody called by its full name keeps the others from passing.
-- Cannot be told: site systems that are not declared and not in this capture, and names in TLS.
WITH
site AS (
    SELECT EXISTS (SELECT 1 FROM http WHERE service LIKE 'mp%' OR service = 'dp') AS seen
),
-- What every request says again is looked at once.
used AS (
    SELECT 'http' AS evidence, id AS row, min(packet) AS packet, time, server, host_of(host) AS name, NULL AS source
    FROM http
    WHERE (service LIKE 'mp%' OR service IN ('dp', 'fsp', 'slp', 'reporting')
           OR (service = 'sup' AND (SELECT seen FROM site)))
      AND (status BETWEEN 200 AND 299 OR status IN (304, 401, 403))
    GROUP BY server, host
    UNION ALL
    SELECT 'message', id, min(packet), time, server, host_of(target_host), NULL
    FROM message
    WHERE direction = 'request'
    GROUP BY server, target_host
    UNION ALL
    SELECT 'smb_tree', smb_tree.id, smb_tree.packet, smb_tree.time, server, host_of(smb_tree.host), source
    FROM system JOIN smb_tree ON smb_tree.server = system.host
    WHERE smb_tree.status = 'SUCCESS' AND smb_tree.host <> ''
    UNION ALL
    SELECT 'kerberos', kerberos.id, kerberos.packet, kerberos.time, server,
           host_of(substr(service, instr(service, '/') + 1)), source
    FROM system JOIN kerberos ON kerberos.server = system.host
    WHERE carrier <> 'kdc' AND message = 'AP-REQ' AND service LIKE '_%/_%'
),
-- Questions for the short name of a declared host, where only Windows answers: the name is in use, whoever asks.
asked AS (
    SELECT name_query.id, min(name_query.packet) AS packet, name_query.time, name_query.client, site_host.name
    FROM site_host JOIN name_query ON upper(name_query.name) = upper(site_host.name)
    WHERE site_host.kind = 'netbios' AND site_host.host IN (SELECT host FROM system)
      AND name_query.protocol IN ('nbns', 'llmnr') AND name_query.operation = 'query'
      AND (name_query.protocol = 'llmnr' OR name_query.suffix IN ('00', '20'))
    GROUP BY site_host.name, name_query.client
),
first_use AS (
    SELECT evidence, row, min(packet) AS packet, time, server, name, source,
           CASE WHEN is_ip(name) THEN 'address' WHEN instr(name, '.') = 0 THEN 'short' ELSE 'full' END AS form
    FROM used
    WHERE name IS NOT NULL
    GROUP BY server, name, source
),
doubt AS (
    SELECT EXISTS (SELECT 1 FROM first_use WHERE form = 'address')
        OR EXISTS (SELECT 1 FROM system
                   WHERE host NOT IN (SELECT server FROM first_use WHERE form = 'full' AND server IS NOT NULL)) AS any
)
SELECT 'fail' AS result, 'proof' AS grade, evidence, row, packet, time,
       name || ' (' || coalesce(server, '?') || ')' AS subject,
       'site system called by its short name' AS why, source AS rests_on
FROM first_use
WHERE form = 'short'
UNION ALL
SELECT 'fail', 'proof', 'name_query', id, packet, time, client || ' asks for ' || name,
       'short name of a site system looked for by NetBIOS or LLMNR', 'declared'
FROM asked
UNION ALL
SELECT 'fail', 'hint', evidence, row, packet, time, name,
       'site system called by its address', source
FROM first_use
WHERE form = 'address'
UNION ALL
SELECT CASE :rule WHEN 'SYS-8' THEN 'pass' ELSE 'notobserved' END,
       CASE WHEN :rule <> 'SYS-8' OR (SELECT any FROM doubt) THEN 'hint' ELSE 'proof' END,
       evidence, row, packet, time, name || ' (' || coalesce(server, '?') || ')',
       CASE :rule WHEN 'SYS-8' THEN 'site system called by its full DNS name'
                  ELSE 'site system called by its full DNS name; which senders there are is not on the wire' END, source
FROM first_use
WHERE form = 'full'
