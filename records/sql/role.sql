-- role: which role a host has, for which site, and how that is known (practices.md A0.2; its signals are named here).
--
-- Of all that speaks for a role, the best grade counts, and of equal ones the first packet. What the site file declares
-- beats what was learned. A role whose own signal tells no site gets the site of the host's other roles, when those
-- name exactly one.
-- Grades: proof   a documented sign that only this role gives, and the host answered to it;
--         strong  the same where the answer was withheld (401, 403), or a sign that others could give too;
--         hint    somebody asked for it and no answer was seen, or only a port number speaks for it.
WITH
-- What speaks for a role. `host` NULL: only the name is known, and its address is looked up below.
sign(packet, time, flow, host, name, role, site_code, mode, signal, grade, why) AS (
    -- ROL-MP: whoever answers on the paths of a management point is one.
    SELECT min(reply_packet), time, flow, server, NULL, 'management_point', NULL, NULL, 'ROL-MP', answered,
           'answers ' || coalesce(method, 'HTTP') || ' of service ' || service
    FROM (
        SELECT reply_packet, time, flow, server, method, service,
               CASE WHEN status BETWEEN 200 AND 299 OR status = 304 THEN 'proof'
                    WHEN status IN (401, 403) OR status >= 500 THEN 'strong'
                    WHEN status IS NULL THEN 'hint' END AS answered
        FROM http
        WHERE service IN ('mp', 'mp-upload', 'mp-policy', 'mp-auth', 'mp-token', 'mp-client', 'mp-notification')
          AND uri NOT LIKE '%://%'
    )
    WHERE answered IS NOT NULL
    GROUP BY server, answered
    UNION ALL
    SELECT min(packet), time, flow, server, NULL, 'management_point', NULL, NULL, 'ROL-MP', 'proof',
           'answers with a ConfigMgr message'
    FROM message
    WHERE direction = 'reply'
    GROUP BY server
    UNION ALL
    -- The mode of a management point: a message that it took over HTTP, or with a client certificate that was proven.
    SELECT min(m.packet), m.time, m.flow, m.server, NULL, 'management_point', NULL, 'mixed', 'ROL-MP', 'strong',
           'took a message over HTTP'
    FROM message m JOIN http h ON h.id = m.http
    WHERE m.transport = 'http' AND m.direction = 'request' AND h.status BETWEEN 200 AND 299
    GROUP BY m.server
    UNION ALL
    SELECT min(m.packet), m.time, m.flow, m.server, NULL, 'management_point', NULL, 'native', 'ROL-MP', 'strong',
           'took a message over TLS from a client that proved its certificate'
    FROM message m JOIN http h ON h.id = m.http JOIN tls t ON t.flow = m.flow
    WHERE m.transport = 'https' AND m.direction = 'request' AND h.status BETWEEN 200 AND 299 AND t.client_verified = 1
    GROUP BY m.server
    UNION ALL
    -- The site code that a management point itself tells.
    SELECT min(k.packet), k.time, k.flow, k.owner, NULL, 'management_point', k.site_code, NULL, 'ROL-MP', 'proof',
           'tells its site code with a key'
    FROM public_key k
    WHERE k.owner_type IN ('mp', 'root', 'site') AND k.site_code IS NOT NULL
    GROUP BY k.owner, k.site_code
    UNION ALL
    -- ROL-MPSRV: the port of the answer tells the mode.
    SELECT min(a.packet), a.time, a.flow, NULL, a.value, 'management_point', upper(substr(q.name, 11, 3)),
           CASE a.port WHEN 443 THEN 'native' WHEN 80 THEN 'mixed' END, 'ROL-MPSRV', 'proof', 'published in DNS'
    FROM name_answer a JOIN name_query q ON q.id = a.query
    WHERE a.type = 'SRV' AND q.rcode = 0 AND lower(q.name) GLOB '_mssms_mp_[0-9a-z][0-9a-z][0-9a-z]._tcp.*'
      AND a.section = 'answer'
    GROUP BY lower(a.value), lower(q.name)
    UNION ALL
    -- ROL-NBNS
    SELECT min(a.packet), a.time, a.flow, a.value, NULL,
           CASE upper(a.name) WHEN 'SMS_SLP' THEN 'server_locator_point' ELSE 'management_point' END,
           CASE WHEN upper(a.name) GLOB '*_[0-9A-Z][0-9A-Z][0-9A-Z]' AND upper(a.name) <> 'SMS_SLP'
                THEN upper(substr(a.name, -3)) END,
           NULL, 'ROL-NBNS', CASE WHEN a.section = 'answer' AND q.operation = 'query' THEN 'proof' ELSE 'strong' END,
           'NetBIOS name ' || a.name || '<1A>'
    FROM name_answer a JOIN name_query q ON q.id = a.query
    WHERE a.type = 'NB' AND a.suffix = '1A' AND coalesce(q.rcode, 0) = 0 AND is_ip(a.value)
      AND q.operation IN ('query', 'registration', 'refresh')
      AND (upper(a.name) IN ('SMS_SLP', 'SMS_NLB_MP') OR upper(a.name) GLOB 'MP_[0-9A-Z][0-9A-Z][0-9A-Z]'
           OR upper(a.name) GLOB 'SMS_MP_[0-9A-Z][0-9A-Z][0-9A-Z]' OR upper(a.name) GLOB 'NLB_[0-9A-Z][0-9A-Z][0-9A-Z]')
    GROUP BY a.value, upper(a.name), q.operation
    UNION ALL
    -- ROL-LDAP: what the site published about itself. Who writes it is a site server.
    SELECT min(n.packet), n.time, n.flow, NULL, n.value,
           CASE n.class WHEN 'mSSMSServerLocatorPoint' THEN 'server_locator_point' ELSE 'management_point' END,
           upper(c.value), NULL, 'ROL-LDAP', 'proof', 'published in Active Directory'
    FROM ldap_entry n
    LEFT JOIN ldap_entry c ON c.operation = n.operation AND c.dn = n.dn AND c.attribute = 'mSSMSSiteCode' COLLATE NOCASE
    WHERE lower(n.attribute) IN ('mssmsmpname', 'dnshostname')
      AND n.class COLLATE NOCASE IN ('mSSMSManagementPoint', 'mSSMSServerLocatorPoint')
    GROUP BY lower(n.value), n.class, c.value
    UNION ALL
    SELECT min(e.packet), e.time, e.flow, o.client, NULL, 'site_server',
           CASE WHEN e.attribute = 'mSSMSSiteCode' COLLATE NOCASE THEN upper(e.value) END, NULL, 'ROL-LDAP', 'strong',
           'publishes the site in Active Directory'
    FROM ldap_entry e JOIN ldap_operation o ON o.id = e.operation
    WHERE e.written = 1 AND e.class LIKE 'mSSMS%' AND o.result = 0
    GROUP BY o.client, CASE WHEN e.attribute = 'mSSMSSiteCode' COLLATE NOCASE THEN upper(e.value) END
    UNION ALL
    -- ROL-SS, ROL-DP, ROL-SUP, ROL-PXE, ROL-SMP, ROL-CAP by their shares.
    SELECT min(packet), time, flow, server, NULL, role,
           CASE WHEN upper(share) GLOB 'SMS_[0-9A-Z][0-9A-Z][0-9A-Z]' OR upper(share) GLOB 'CAP_[0-9A-Z][0-9A-Z][0-9A-Z]'
                THEN upper(substr(share, 5)) END,
           NULL, signal, granted, 'share ' || share
    FROM (
        SELECT packet, time, flow, server, share,
               CASE status WHEN 'SUCCESS' THEN 'proof' WHEN 'ACCESS_DENIED' THEN 'strong' END AS granted,
               CASE purpose WHEN 'site-receive' THEN 'site_server' WHEN 'site' THEN 'site_server'
                            WHEN 'client-source' THEN 'site_server' WHEN 'package' THEN 'distribution_point'
                            WHEN 'content-library' THEN 'distribution_point' WHEN 'pxe' THEN 'pxe_distribution_point'
                            WHEN 'sup' THEN 'software_update_point' WHEN 'state-migration' THEN 'state_migration_point'
                            WHEN 'cap' THEN 'client_access_point' END AS role,
               CASE purpose WHEN 'package' THEN 'ROL-DP' WHEN 'content-library' THEN 'ROL-DP' WHEN 'pxe' THEN 'ROL-DP'
                            WHEN 'sup' THEN 'ROL-SUP' WHEN 'state-migration' THEN 'ROL-SMP' WHEN 'cap' THEN 'ROL-CAP'
                            ELSE 'ROL-SS' END AS signal
        FROM smb_tree
    )
    WHERE role IS NOT NULL AND granted IS NOT NULL
    GROUP BY server, role, upper(share), granted
    UNION ALL
    -- Who brings packages to a site's receive folder is the site server of another site.
    SELECT min(f.packet), f.time, f.flow, t.client, NULL, 'site_server', NULL, NULL, 'ROL-SS', 'strong',
           'sends to ' || coalesce(t.path, t.share)
    FROM smb_file f JOIN smb_tree t ON t.id = f.tree
    WHERE t.purpose IN ('site-receive', 'site') AND f.written_bytes > 0
      AND f.purpose IN ('sender-package', 'sender-instruction', 'sender-temporary', 'key-exchange')
    GROUP BY t.client, t.server
    UNION ALL
    -- Roles by the paths of other services.
    SELECT min(reply_packet), time, flow, server, NULL, role, site_code, NULL, signal, answered, 'answers ' || uri
    FROM (
        SELECT reply_packet, time, flow, server, uri,
               CASE service WHEN 'dp' THEN 'distribution_point' WHEN 'sup' THEN 'software_update_point'
                            WHEN 'slp' THEN 'server_locator_point' WHEN 'fsp' THEN 'fallback_status_point'
                            WHEN 'provider' THEN 'sms_provider' WHEN 'cmg' THEN 'cloud_management_gateway'
                            ELSE 'reporting_point' END AS role,
               CASE service WHEN 'dp' THEN 'ROL-DP' WHEN 'sup' THEN 'ROL-SUP' WHEN 'slp' THEN 'ROL-SLP'
                            WHEN 'fsp' THEN 'ROL-FSP' WHEN 'provider' THEN 'ROL-PROV' WHEN 'cmg' THEN 'ROL-CMG'
                            ELSE 'ROL-RP' END AS signal,
               CASE WHEN service = 'reporting' AND lower(uri) GLOB '/smsreporting_[0-9a-z][0-9a-z][0-9a-z]*'
                    THEN upper(substr(uri, 15, 3)) END AS site_code,
               CASE WHEN status BETWEEN 200 AND 299 OR status = 304
                    THEN CASE service WHEN 'dp' THEN 'proof' WHEN 'sup' THEN 'proof' WHEN 'slp' THEN 'proof'
                                      WHEN 'provider' THEN 'hint' ELSE 'strong' END
                    WHEN status IN (401, 403) OR status >= 500 THEN CASE service WHEN 'provider' THEN 'hint' ELSE 'strong' END
                    WHEN status IS NULL THEN 'hint' END AS answered
        FROM http
        WHERE service IN ('dp', 'sup', 'slp', 'fsp', 'provider', 'cmg', 'reporting') AND uri NOT LIKE '%://%'
    )
    WHERE answered IS NOT NULL
    GROUP BY server, role, answered, site_code
    UNION ALL
    SELECT min(reply_packet), time, flow, server, NULL, 'state_migration_point', NULL, NULL, 'ROL-SMP', 'strong',
           'answers ' || uri
    FROM http
    WHERE uri LIKE '/SMSSMP%' AND (status BETWEEN 200 AND 299 OR status IN (304, 401, 403))
    GROUP BY server
    UNION ALL
    -- ROL-SQL
    SELECT min(packet), time, flow, server, NULL, 'site_database', upper(substr(database, -3)), NULL, 'ROL-SQL',
           CASE accepted WHEN 1 THEN 'proof' WHEN 0 THEN 'hint' ELSE 'strong' END, 'database ' || database
    FROM sql_login
    WHERE upper(database) GLOB 'SMS_[0-9A-Z][0-9A-Z][0-9A-Z]' OR upper(database) GLOB 'CM_[0-9A-Z][0-9A-Z][0-9A-Z]'
    GROUP BY server, upper(database), accepted
    UNION ALL
    -- ROL-PROV
    SELECT min(packet), time, flow, server, NULL, 'sms_provider',
           CASE WHEN upper(substr(space, 15, 4)) GLOB '[0-9A-Z][0-9A-Z][0-9A-Z]' THEN upper(substr(space, 15, 3)) END,
           NULL, 'ROL-PROV', 'proof', 'WMI namespace ' || rtrim(space)
    FROM (
        SELECT packet, time, flow, server, trim(substr(paths, instr(lower(paths), 'root\sms\site_'), 17)) AS space
        FROM (SELECT packet, time, flow, server, replace(replace(objects, char(10), ' '), '/', '\') AS paths
              FROM rpc) -- WMI takes both
        WHERE instr(lower(paths), 'root\sms\site_') > 0
    )
    GROUP BY server, upper(space)
    UNION ALL
    -- ROL-PXE: options that only ConfigMgr sends are proof; an answer of proxyDHCP or a boot file is not.
    SELECT min(packet), time, flow, coalesce(server, src), NULL, 'pxe_distribution_point', NULL, NULL, 'ROL-PXE',
           CASE WHEN variables_file IS NOT NULL OR bcd_file IS NOT NULL THEN 'proof' ELSE 'strong' END,
           'answers PXE by DHCP'
    FROM dhcp
    WHERE message IN ('offer', 'ack', 'bootreply')
      AND (variables_file IS NOT NULL OR bcd_file IS NOT NULL OR lower(boot_file) LIKE 'smsboot%'
           OR (proxy = 1 AND boot_file IS NOT NULL))
    GROUP BY coalesce(server, src), variables_file IS NOT NULL OR bcd_file IS NOT NULL
    UNION ALL
    SELECT min(packet), time, flow, server, NULL, 'pxe_distribution_point', NULL, NULL, 'ROL-PXE', 'strong',
           'sends ' || file
    FROM tftp
    WHERE operation = 'read' AND error_code IS NULL
      AND (lower(ltrim(file, '\/')) LIKE 'smsboot%' OR lower(ltrim(file, '\/')) LIKE 'smstemp%')
    GROUP BY server
    UNION ALL
    SELECT min(packet), time, flow, server, NULL, 'pxe_distribution_point', NULL, NULL, 'ROL-PXE', 'hint',
           'boot information service'
    FROM binl
    GROUP BY server
    UNION ALL
    -- ROL-OOB: who redirects the console of AMT computers; who takes their hello (by its port only).
    SELECT min(packet), time, flow, client, NULL, 'out_of_band_point', NULL, NULL, 'ROL-OOB',
           CASE certainty WHEN 'high' THEN 'strong' ELSE 'hint' END, 'controls AMT of ' || server
    FROM remote_tool
    WHERE tool LIKE 'amt-%'
    GROUP BY client, certainty
    UNION ALL
    SELECT min(packet), time, id, dst, NULL, 'out_of_band_point', NULL, NULL, 'ROL-OOB', 'hint', 'takes TCP 9971'
    FROM flow
    WHERE dport = 9971 AND proto = 'tcp' AND state NOT IN ('refused', 'unanswered')
    GROUP BY dst
    UNION ALL
    -- ROL-CLIENT
    SELECT min(packet), time, flow, client, NULL, 'client', NULL, NULL, 'ROL-CLIENT', 'proof',
           'sends messages as ' || source_id
    FROM message
    WHERE direction = 'request' AND source_id <> ''
    GROUP BY client
    UNION ALL
    SELECT min(packet), time, flow, client, NULL,
           CASE agent_type WHEN 4 THEN 'isv_proxy' ELSE 'client' END, NULL, NULL, 'ROL-CLIENT', 'proof', 'registers'
    FROM registration
    GROUP BY client, agent_type = 4
    UNION ALL
    SELECT min(packet), time, flow, client, NULL, 'client', NULL, NULL, 'ROL-CLIENT', 'strong', 'sends messages'
    FROM http
    WHERE method = 'CCM_POST' AND uri NOT LIKE '%://%'
    GROUP BY client
    UNION ALL
    SELECT min(packet), time, flow, client, NULL, 'client', NULL, NULL, 'ROL-CLIENT', 'strong', 'fetches policies'
    FROM http
    WHERE token IS NOT NULL AND service LIKE 'mp%' AND uri NOT LIKE '%://%'
    GROUP BY client
    UNION ALL
    -- ROL-DC
    SELECT min(packet), time, flow, server, NULL, 'domain_controller', NULL, NULL, 'ROL-DC', 'proof',
           'answers as a domain controller of ' || coalesce(domain, netbios_domain, '?')
    FROM netlogon_ping
    GROUP BY server
    UNION ALL
    SELECT min(packet), time, flow, server, NULL, 'domain_controller', NULL, NULL, 'ROL-DC', 'strong',
           'issues Kerberos tickets'
    FROM kerberos
    WHERE carrier = 'kdc' AND message IN ('AS-REP', 'TGS-REP')
    GROUP BY server
    UNION ALL
    SELECT min(e.packet), e.time, e.flow, o.server, NULL, 'domain_controller', NULL, NULL, 'ROL-DC', 'strong',
           'its directory holds what the site published'
    FROM ldap_entry e JOIN ldap_operation o ON o.id = e.operation
    WHERE e.class LIKE 'mSSMS%'
    GROUP BY o.server
    UNION ALL
    SELECT min(a.packet), a.time, a.flow, NULL, a.value, 'domain_controller', NULL, NULL, 'ROL-DC', 'strong',
           'published in DNS as ' || q.name
    FROM name_answer a JOIN name_query q ON q.id = a.query
    WHERE a.type = 'SRV' AND q.rcode = 0 AND a.section = 'answer' AND lower(q.name) LIKE '%.dc.\_msdcs.%' ESCAPE '\'
    GROUP BY lower(a.value)
    UNION ALL
    SELECT min(a.packet), a.time, a.flow, a.value, NULL, 'domain_controller', NULL, NULL, 'ROL-DC', 'strong',
           'NetBIOS name ' || a.name || '<1C>'
    FROM name_answer a JOIN name_query q ON q.id = a.query
    WHERE a.type = 'NB' AND a.suffix = '1C' AND coalesce(q.rcode, 0) = 0 AND is_ip(a.value)
      AND q.operation IN ('query', 'registration', 'refresh')
    GROUP BY a.value
    UNION ALL
    -- A proxy is asked for whole URIs, or for tunnels.
    SELECT min(packet), time, flow, server, NULL, 'proxy', NULL, NULL, 'ROL-PROXY', 'strong', 'forwards HTTP'
    FROM http
    WHERE (uri LIKE 'http://%' OR method = 'CONNECT') AND (status BETWEEN 200 AND 299 OR status IN (304, 407))
    GROUP BY server
),
-- Signs that tell a name count for each address that the name has; without one the name alone is the host.
graded AS (
    SELECT s.packet, s.time, s.flow, coalesce(s.host, n.host) AS host, s.name, s.role, s.site_code, s.mode, s.signal, s.grade,
           s.why, CASE s.grade WHEN 'proof' THEN 0 WHEN 'strong' THEN 1 ELSE 2 END AS rank
    FROM sign s
    LEFT JOIN (SELECT DISTINCT host, name FROM host_name WHERE grade <> 'hint') n
           ON s.host IS NULL AND n.name = CASE WHEN instr(s.name, '.') > 0 THEN lower(rtrim(s.name, '.')) ELSE upper(s.name) END
    WHERE s.host IS NOT NULL OR s.name IS NOT NULL
),
-- The site codes that a host is known to serve: the least and the greatest of all its roles, and each of a role.
known AS (
    SELECT *, min(CASE WHEN rank < 2 THEN site_code END) OVER served AS least_code,
           max(CASE WHEN rank < 2 THEN site_code END) OVER served AS most_code
    FROM graded
    WINDOW served AS (PARTITION BY host)
),
code AS (
    SELECT host, role, site_code
    FROM graded
    WHERE site_code IS NOT NULL AND host IS NOT NULL AND rank < 2
    GROUP BY host, role, site_code
),
-- A sign without a site code speaks for each site that the same role of the host is known for, else for the only one of it.
placed AS (
    SELECT k.packet, k.time, k.flow, k.host, k.name, k.role,
           coalesce(k.site_code, c.site_code,
                    CASE WHEN k.role NOT IN ('client', 'domain_controller', 'proxy', 'isv_proxy') AND k.host IS NOT NULL
                              AND k.least_code = k.most_code THEN k.least_code END) AS site_code,
           k.mode, k.signal, k.grade, k.rank, k.why
    FROM known k
    LEFT JOIN code c ON k.site_code IS NULL AND c.host = k.host AND c.role = k.role
),
-- The mode, when all that tell one tell the same.
told AS (
    SELECT *, min(mode) OVER same AS least, max(mode) OVER same AS most
    FROM placed
    WINDOW same AS (PARTITION BY coalesce(host, lower(name)), role, site_code)
),
-- The best sign of each role: min() decides which row the other columns come from.
learned AS (
    SELECT packet, time, flow, host, name, role, site_code, signal, grade, why, CASE WHEN least = most THEN least END AS mode,
           min(rank * 1000000000000 + coalesce(packet, 0)) AS first
    FROM told
    GROUP BY coalesce(host, lower(name)), role, site_code
),
-- The best name of a host: a full one before a short one, but a hint last, and of hints what no packet says.
named AS (
    SELECT host, name, min(CASE WHEN source = 'capture' THEN 8 WHEN grade = 'hint' THEN 4 ELSE 0 END + CASE kind WHEN 'netbios' THEN 2 ELSE 0 END
                           + CASE grade WHEN 'proof' THEN 0 ELSE 1 END + coalesce(packet, 0) / 1000000000000.0) AS best
    FROM host_name
    GROUP BY host
),
final AS (
    SELECT l.packet, l.time, l.flow, l.host, coalesce(n.name, l.name) AS name, l.role, l.site_code, l.mode,
           'learned' AS source, l.signal, l.grade, l.why
    FROM learned l
    LEFT JOIN named n ON n.host = l.host
    WHERE NOT EXISTS (SELECT 1 FROM site_role d WHERE d.host = l.host AND d.role = l.role)
    UNION ALL
    SELECT min(l.packet), l.time, l.flow, d.host, coalesce(d.name, n.name), d.role, coalesce(d.site_code, l.site_code),
           d.mode, 'declared', l.signal, 'proof', coalesce('declared; ' || l.why, 'declared')
    FROM site_role d
    LEFT JOIN named n ON n.host = d.host
    LEFT JOIN learned l ON l.host = d.host AND l.role = d.role
    GROUP BY d.id
)
SELECT packet, time, flow, host, name, role, site_code, mode, source, signal, grade, why
FROM final
ORDER BY packet IS NULL, packet, host, role, site_code
