-- host: every address that sent something, with all that is known of it.
WITH
-- Each side of each conversation that sent packets.
side AS (
    SELECT src AS address, packet, time, start, end, packets_out AS packets, bytes_out AS bytes
    FROM flow
    WHERE packets_out > 0
    UNION ALL
    SELECT dst, packet, time, start, end, packets_in, bytes_in
    FROM flow
    WHERE packets_in > 0
    UNION ALL
    SELECT src, packet, time, time, end, packets, bytes
    FROM ipsec
    WHERE udp = 0 AND coalesce(null_encryption, 0) = 0 -- else its inside is in flow, or the datagrams are
),
seen AS (
    SELECT min(packet) AS packet, time, address, min(start) AS first, max(end) AS last, sum(packets) AS packets,
           sum(bytes) AS bytes
    FROM side
    WHERE address NOT IN ('0.0.0.0', '::')
    GROUP BY address
),
-- Names by how good they are: hints last, of them those that no packet says; of equal ones the first.
ranked AS (
    SELECT host, name, kind,
           min(CASE WHEN source = 'capture' THEN 5 WHEN grade = 'hint' THEN 4 WHEN grade = 'strong' THEN 1 ELSE 0 END) AS rank, min(coalesce(packet, 0)) AS packet
    FROM host_name
    GROUP BY host, name
),
best AS (
    SELECT host, min(rank) AS rank,
           max(CASE WHEN kind = 'fqdn' AND place = 1 THEN name END) AS fqdn,
           max(CASE WHEN kind = 'netbios' AND place = 1 THEN name END) AS netbios
    FROM (SELECT *, row_number() OVER (PARTITION BY host, kind ORDER BY rank, packet, name) AS place FROM ranked)
    GROUP BY host
),
listed AS (
    SELECT host, group_concat(name, ',') AS names
    FROM (
        SELECT r.host, r.name
        FROM ranked r JOIN best b ON b.host = r.host
        WHERE r.rank < 4 OR b.rank >= 4
        ORDER BY r.host, r.kind, r.rank, r.packet, r.name
    )
    GROUP BY host
),
roled AS (
    SELECT host, group_concat(role, ',') AS roles
    FROM (SELECT DISTINCT host, role FROM role WHERE grade <> 'hint' AND host IS NOT NULL ORDER BY host, role)
    GROUP BY host
),
hardware AS (
    SELECT address, mac, min(packet)
    FROM (
        SELECT client_ip AS address, client_mac AS mac, packet FROM dhcp WHERE client_ip IS NOT NULL
        UNION ALL
        SELECT your_ip, client_mac, packet FROM dhcp WHERE your_ip IS NOT NULL AND message = 'ack'
    )
    GROUP BY address
),
-- What a host tells of itself.
told AS (
    SELECT address, domain, os, packet
    FROM (
        -- A build of 0 is no Windows, but Samba.
        SELECT server AS address, target_dns_domain AS domain,
               CASE WHEN server_version NOT LIKE '%.0' THEN 'Windows ' || server_version END AS os, packet
        FROM ntlm
        UNION ALL
        SELECT client, NULL, 'Windows ' || client_version, packet FROM ntlm WHERE client_version NOT LIKE '%.0'
        UNION ALL
        SELECT server, domain, NULL, packet FROM netlogon_ping
        UNION ALL
        SELECT server, NULL, nullif(server_os, ''), packet FROM smb
        UNION ALL
        SELECT client, NULL, nullif(client_os, ''), packet FROM smb
        UNION ALL
        SELECT src, NULL, windows, packet FROM ike
    )
),
domain AS (
    SELECT address, lower(domain) AS domain, min(packet) FROM told WHERE domain <> '' GROUP BY address
),
os AS (
    SELECT address, os, min(packet) FROM told WHERE os IS NOT NULL GROUP BY address
)
SELECT s.packet AS packet, s.time AS time, s.address AS address, h.mac AS mac, l.names AS names, b.netbios AS netbios,
       b.fqdn AS fqdn, coalesce(d.domain, substr(b.fqdn, instr(b.fqdn, '.') + 1)) AS domain, o.os AS os,
       r.roles AS roles, s.first AS first, s.last AS last, s.packets AS packets, s.bytes AS bytes
FROM seen s
LEFT JOIN hardware h ON h.address = s.address
LEFT JOIN listed l ON l.host = s.address
LEFT JOIN best b ON b.host = s.address
LEFT JOIN roled r ON r.host = s.address
LEFT JOIN domain d ON d.address = s.address
LEFT JOIN os o ON o.address = s.address
ORDER BY s.packet, s.address
