-- SYS-7: site systems have static addresses.
--
-- Decides, for breaches only: a site system that asks DHCP for the address it has, or is given it (fail, proof with
-- declared roles), or somebody who asks for an address by the name of a site system (fail, strong). A request for the
-- address of a site system that nobody granted is a hint: any host may ask for it.
-- Left out: questions for options only (inform), which are usual with a static address; PXE, which asks before the system
-- runs; and what a site system sends as a PXE server.
-- Cannot be told: that no request was made, unless the sensor stands in the network of the servers for a whole lease. So
-- nothing passes.
WITH
called AS (
    SELECT DISTINCT system.host, system.source, upper(host_name.name) AS name
    FROM system JOIN host_name ON host_name.host = system.host
    WHERE host_name.grade <> 'hint' AND host_name.source <> 'dhcp'
),
asked AS (
    SELECT * FROM dhcp
    WHERE message IN ('discover', 'request', 'ack') AND coalesce(vendor_class, '') NOT LIKE 'PXEClient%' AND proxy = 0
),
seen AS (
    SELECT asked.id, asked.packet, asked.time, system.host, system.source, 2 AS rank,
           CASE asked.message WHEN 'ack' THEN 'a site system was given its address by DHCP'
                              ELSE 'a site system asked DHCP to keep its address' END AS why
    FROM system JOIN asked ON asked.your_ip = system.host
    WHERE asked.message = 'ack'
    UNION ALL
    SELECT asked.id, asked.packet, asked.time, system.host, system.source, 2,
           'a site system asked DHCP to keep its address'
    FROM system JOIN asked ON asked.client_ip = system.host
    WHERE asked.message = 'request' AND asked.src = system.host
    UNION ALL
    SELECT asked.id, asked.packet, asked.time, called.host, called.source, 1,
           'somebody asked DHCP for an address by the name of a site system'
    FROM asked JOIN called ON called.name IN (upper(asked.host), upper(asked.fqdn))
    WHERE asked.message IN ('discover', 'request')
    UNION ALL
    SELECT asked.id, asked.packet, asked.time, system.host, system.source, 0,
           'somebody asked DHCP for the address of a site system'
    FROM system JOIN asked ON asked.requested_ip = system.host
    WHERE asked.message = 'request'
)
SELECT 'fail' AS result, CASE rank WHEN 2 THEN 'proof' WHEN 1 THEN 'strong' ELSE 'hint' END AS grade,
       'dhcp' AS evidence, id AS row, min(packet) AS packet, time, host AS subject, why, source AS rests_on
FROM seen
GROUP BY host, why
