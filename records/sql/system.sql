-- system: every host that serves a site, once; what the site file declares goes before what was learned.
SELECT packet, time, host, source
FROM (
    SELECT min(CASE source WHEN 'declared' THEN 0 ELSE 1 END), packet, time, host, source
    FROM role
    WHERE host IS NOT NULL AND grade <> 'hint'
      AND role NOT IN ('client', 'isv_proxy', 'proxy', 'domain_controller', 'cloud_management_gateway')
    GROUP BY host
)
ORDER BY packet IS NULL, packet, host
