-- host_pair: what two hosts exchanged, by protocol and by how it was guarded.
--
-- Guards of one conversation are told whole: one session without signing makes all of an SMB conversation clear.
WITH
guard(flow, level) AS ( -- 0 clear, 1 signed, 2 sealed, 3 TLS
    SELECT flow, min(CASE WHEN encrypted = 1 THEN 2 WHEN signed = 1 THEN 1 ELSE 0 END) FROM smb WHERE messages > 0
        OR encrypted_messages > 0 GROUP BY flow
    UNION ALL
    SELECT flow, min(CASE wrapping WHEN 'sealed' THEN 2 WHEN 'signed' THEN 1 ELSE 0 END) FROM ldap_bind WHERE tls = 0
        GROUP BY flow
    UNION ALL
    SELECT flow, min(CASE auth_level WHEN 6 THEN 2 WHEN 5 THEN 1 ELSE 0 END) FROM rpc WHERE transport = 'tcp' AND calls > 0
        GROUP BY flow
    UNION ALL
    SELECT flow, min(CASE encryption WHEN 'session' THEN 3 ELSE 0 END) FROM sql_login WHERE tls = 0 GROUP BY flow
),
level AS (
    SELECT flow, min(level) AS level FROM guard GROUP BY flow
),
talk AS (
    SELECT f.packet, f.time, f.src, f.dst, coalesce(f.app, f.proto || '/' || f.dport) AS app,
           f.packets_out + f.packets_in AS packets, f.bytes_out + f.bytes_in AS bytes,
           CASE WHEN f.app = 'esp' THEN 5 WHEN f.encrypted = 1 THEN 3 WHEN l.level > 0 THEN l.level
                WHEN f.ipsec IN ('ah', 'esp-null') THEN 4 ELSE 0 END AS kind
    FROM flow f LEFT JOIN level l ON l.flow = f.id
    UNION ALL
    SELECT i.packet, i.time, i.src, i.dst, i.protocol, i.packets, i.bytes, 5
    FROM (
        -- Both directions of a pair are one talk: the one that was seen first tells who opened it.
        SELECT min(packet) AS packet, time, src, dst, protocol, sum(packets) AS packets, sum(bytes) AS bytes
        FROM ipsec
        WHERE udp = 0 AND coalesce(null_encryption, 0) = 0
        GROUP BY protocol, min(src, dst), max(src, dst)
    ) i
)
SELECT min(packet) AS packet, time, src, dst, app, count(*) AS flows, sum(packets) AS packets,
       sum(CASE kind WHEN 0 THEN bytes ELSE 0 END) AS bytes_clear,
       sum(CASE kind WHEN 1 THEN bytes ELSE 0 END) AS bytes_signed,
       sum(CASE kind WHEN 2 THEN bytes ELSE 0 END) AS bytes_sealed,
       sum(CASE kind WHEN 3 THEN bytes ELSE 0 END) AS bytes_tls,
       sum(CASE kind WHEN 4 THEN bytes ELSE 0 END) AS bytes_ipsec_clear,
       sum(CASE kind WHEN 5 THEN bytes ELSE 0 END) AS bytes_ipsec
FROM talk
GROUP BY src, dst, app
ORDER BY packet, src, dst, app
