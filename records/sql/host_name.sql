-- host_name: which names an address goes by, and who says so.
--
-- Grades: proof   the host names itself in an answer that it must give to be reached (NTLM target information, netlogon)
--                 or the operator declared it;
--         strong  it says so of itself without proof, or a name service says so;
--         hint    others call it so (a name in a request may be answered by a proxy or stand for many hosts), or a
--                 program tells a name that its user is free to choose, or the capture file has it from the one who wrote the file.
-- Names are compared without case: full names come in lower case, short ones (of NetBIOS) in upper case.
WITH
said(packet, time, flow, host, name, source, grade) AS (
    SELECT packet, time, NULL, host, name, 'declared', 'proof'
    FROM site_host
    UNION ALL
    -- DNS, mDNS, LLMNR: the owner of each address, and the name that was asked for (an alias when they differ).
    SELECT a.packet, a.time, a.flow, a.value, a.name, q.protocol, 'strong'
    FROM name_answer a JOIN name_query q ON q.id = a.query
    WHERE a.type IN ('A', 'AAAA') AND q.operation IN ('query', 'update') AND coalesce(q.rcode, 0) = 0
    UNION ALL
    SELECT a.packet, a.time, a.flow, a.value, q.name, q.protocol, 'strong'
    FROM name_answer a JOIN name_query q ON q.id = a.query
    WHERE a.type IN ('A', 'AAAA') AND q.type = a.type AND a.section = 'answer' AND q.operation = 'query' AND q.rcode = 0
    UNION ALL
    SELECT a.packet, a.time, a.flow, ptr_address(a.name), a.value, q.protocol, 'strong'
    FROM name_answer a JOIN name_query q ON q.id = a.query
    WHERE a.type = 'PTR' AND q.operation = 'query' AND q.rcode = 0
    UNION ALL
    -- NBNS: unique names of computers (00, 20), as a name server or the host itself tells.
    SELECT a.packet, a.time, a.flow, a.value, a.name, 'nbns', 'strong'
    FROM name_answer a JOIN name_query q ON q.id = a.query
    WHERE a.type = 'NB' AND a.suffix IN ('00', '20') AND coalesce(q.is_group, 0) = 0 AND coalesce(q.rcode, 0) = 0
      AND q.operation IN ('query', 'registration', 'refresh')
    UNION ALL
    -- The last name before the first <20> of a node status: the server service is never registered for a group.
    SELECT packet, time, flow, host, replace(names, rtrim(names, replace(names, ',', '')), ''), 'nbns', 'strong'
    FROM (
        SELECT a.packet, a.time, a.flow, q.server AS host, substr(a.value, 1, instr(a.value, '<20>') - 1) AS names
        FROM name_answer a JOIN name_query q ON q.id = a.query
        WHERE a.type = 'NBSTAT' AND instr(a.value, '<20>') > 1
    )
    UNION ALL
    -- DHCP: what the client calls itself, for the address that it has or gets.
    SELECT d.packet, d.time, d.flow, coalesce(d.client_ip, g.your_ip), coalesce(d.fqdn, d.host), 'dhcp', 'strong'
    FROM dhcp d
    LEFT JOIN dhcp g ON g."transaction" = d."transaction" AND g.client_mac = d.client_mac AND g.message = 'ack'
    WHERE d.message IN ('request', 'inform')
    UNION ALL
    SELECT packet, time, flow, server, target_computer, 'ntlm', 'proof' FROM ntlm
    UNION ALL
    SELECT packet, time, flow, server, target_dns_computer, 'ntlm', 'proof' FROM ntlm
    UNION ALL
    SELECT packet, time, flow, client, workstation, 'ntlm', 'strong' FROM ntlm
    UNION ALL
    SELECT packet, time, flow, server, host, 'netlogon', 'proof' FROM netlogon_ping
    UNION ALL
    SELECT packet, time, flow, server, ltrim(netbios_host, '\'), 'netlogon', 'proof' FROM netlogon_ping
    UNION ALL
    SELECT packet, time, flow, host, rtrim(client, '$'), 'kerberos', 'strong'
    FROM kerberos
    WHERE message = 'AS-REQ' AND client LIKE '%$'
    UNION ALL
    SELECT packet, time, flow, server, host_of(substr(service, instr(service, '/') + 1)), 'kerberos', 'hint'
    FROM kerberos
    WHERE message = 'AP-REQ' AND service LIKE '%/%' AND service NOT LIKE 'krbtgt/%'
    UNION ALL
    -- TLS: the subject of a certificate, when the client asked for that name or proved its own key; else a certificate
    -- may have been copied to another host. A wildcard names nobody.
    SELECT c.packet, c.time, c.flow, c.host, c.name, 'certificate',
           CASE WHEN c.seen_as = 'server' AND t.complete = 1 AND lower(t.sni) = lower(c.name) THEN 'strong'
                WHEN c.seen_as = 'client' AND t.client_verified = 1 THEN 'strong' ELSE 'hint' END
    FROM (
        SELECT *, substr(subject, 4, instr(subject || ',', ',') - 4) AS name
        FROM certificate
        WHERE seen_as IN ('server', 'client') AND chain = 0 AND subject LIKE 'CN=%'
    ) c
    LEFT JOIN tls t ON t.flow = c.flow
    WHERE c.name LIKE '%.%' AND c.name NOT GLOB '*[*@ ]*'
    UNION ALL
    SELECT packet, time, flow, server, sni, 'sni', 'hint' FROM tls WHERE version IS NOT NULL
    UNION ALL
    SELECT packet, time, flow, client, netbios, 'registration', CASE signature WHEN 'invalid' THEN 'hint' ELSE 'strong' END
    FROM registration
    UNION ALL
    SELECT packet, time, flow, client, fqdn, 'registration', CASE signature WHEN 'invalid' THEN 'hint' ELSE 'strong' END
    FROM registration
    UNION ALL
    SELECT packet, time, flow, server, host, 'smb', 'hint' FROM smb_tree WHERE status = 'SUCCESS'
    UNION ALL
    SELECT packet, time, flow, client, host, 'tds', 'hint' FROM sql_login
    UNION ALL
    SELECT e.packet, e.time, e.flow, l.server, substr(e.server_name, 1, instr(e.server_name || '\', '\') - 1), 'tds', 'strong'
    FROM sql_error e JOIN sql_login l ON l.id = e.login
    UNION ALL
    SELECT packet, time, flow, server, host, 'tds', 'strong' FROM sql_instance WHERE answered = 1
    UNION ALL
    SELECT packet, time, NULL, host, name, 'capture', 'hint' FROM input_name
),
-- What every request says again is counted before it is looked at.
heard(packet, time, flow, host, name, source, grade, times) AS (
    -- HTTP: with a whole URI as its target a request went to a proxy.
    SELECT min(packet), time, flow, server, host_of(host), 'http', 'hint', count(*)
    FROM http
    WHERE status IS NOT NULL AND method <> 'CONNECT' AND uri NOT LIKE '%://%'
    GROUP BY server, host
    UNION ALL
    SELECT min(packet), time, flow, client, source_host, 'message', 'strong', count(*)
    FROM message
    WHERE direction = 'request'
    GROUP BY client, source_host
    UNION ALL
    SELECT min(packet), time, flow, server, host_of(target_host), 'message', 'hint', count(*)
    FROM message
    WHERE direction = 'request'
    GROUP BY server, target_host
    UNION ALL
    SELECT *, 1 FROM said
),
clean AS (
    SELECT packet, time, flow, host, source, grade, rtrim(trim(name), '.') AS name, times
    FROM heard
    WHERE host IS NOT NULL AND is_ip(name) = 0
)
SELECT min(packet) AS packet, time, flow, host,
       CASE WHEN instr(name, '.') > 0 THEN lower(name) ELSE upper(name) END AS name,
       CASE WHEN instr(name, '.') > 0 THEN 'fqdn' ELSE 'netbios' END AS kind,
       source, grade, sum(times) AS times
FROM clean
WHERE name <> '' AND name NOT IN ('*', '.') AND lower(name) <> 'localhost'
GROUP BY host, lower(name), source, grade
ORDER BY packet IS NULL, packet, host, lower(name), source, grade
