-- FUN-2: computers of the site run versions that still get security updates.
--
-- Decides, for breaches only: versions whose support by their maker had ended when they were seen: Windows as servers tell it
-- (NTLM challenge, NativeOS of SMB1), as a vendor id of IKE or a Server header of IIS implies it, and SQL Server (PRELOGIN). Of
-- site systems: fail, strong, since a version may be masked and support may have been bought for longer. What a client tells
-- of itself is a hint: programs put there what they like. So are versions of clients of ConfigMgr.
-- Cannot be told: the monthly updates; versions inside encryption. So nothing passes.
WITH
-- Ends of extended support, https://learn.microsoft.com/lifecycle/products/ (days, UTC).
release(name, day) AS (
    VALUES ('Windows 2000', '2010-07-13'), ('Windows XP', '2014-04-08'), ('Windows Vista', '2017-04-11'),
           ('Windows Server 2003', '2015-07-14'), ('Windows Server 2008', '2020-01-14'),
           ('Windows Server 2008 R2', '2020-01-14'), ('Windows Server 2012', '2023-10-10'),
           ('Windows Server 2012 R2', '2023-10-10'), ('SQL Server 2000', '2013-04-09'), ('SQL Server 2005', '2016-04-12'),
           ('SQL Server 2008', '2019-07-09'), ('SQL Server 2008 R2', '2019-07-09'), ('SQL Server 2012', '2022-07-12'),
           ('SQL Server 2014', '2024-07-09'), ('SQL Server 2016', '2026-07-14'), ('SQL Server 2017', '2027-10-12'),
           ('SMS 2003', '2015-01-13'), ('Configuration Manager 2007', '2019-07-09'),
           ('Configuration Manager 2012', '2022-07-12')
),
windows(build, name) AS (
    VALUES ('5.0.2195', 'Windows 2000'), ('5.1.2600', 'Windows XP'), ('5.2.3790', 'Windows Server 2003'),
           ('6.0.6000', 'Windows Vista'), ('6.0.6001', 'Windows Server 2008'), ('6.0.6002', 'Windows Server 2008'),
           ('6.0.6003', 'Windows Server 2008'), ('6.1.7600', 'Windows Server 2008 R2'), ('6.1.7601', 'Windows Server 2008 R2'),
           ('6.2.9200', 'Windows Server 2012'), ('6.3.9600', 'Windows Server 2012 R2')
),
native(prefix, name) AS (
    VALUES ('Windows 5.0', 'Windows 2000'), ('Windows 5.1', 'Windows XP'), ('Windows Server 2003', 'Windows Server 2003'),
           ('Windows Server (R) 2008', 'Windows Server 2008'), ('Windows Server 2008', 'Windows Server 2008'),
           ('Windows Server 2012', 'Windows Server 2012')
),
iis(header, name) AS (
    VALUES ('Microsoft-IIS/5.0', 'Windows 2000'), ('Microsoft-IIS/6.0', 'Windows Server 2003'),
           ('Microsoft-IIS/7.0', 'Windows Server 2008'), ('Microsoft-IIS/7.5', 'Windows Server 2008 R2'),
           ('Microsoft-IIS/8.0', 'Windows Server 2012'), ('Microsoft-IIS/8.5', 'Windows Server 2012 R2')
),
sql_server(major, name) AS (
    VALUES ('8.0', 'SQL Server 2000'), ('9.0', 'SQL Server 2005'), ('10.0', 'SQL Server 2008'), ('10.50', 'SQL Server 2008 R2'),
           ('11.0', 'SQL Server 2012'), ('12.0', 'SQL Server 2014'), ('13.0', 'SQL Server 2016'), ('14.0', 'SQL Server 2017')
),
agent(major, name) AS (
    VALUES ('2.50', 'SMS 2003'), ('4.00', 'Configuration Manager 2007'), ('5.00.7', 'Configuration Manager 2012')
),
seen AS (
    SELECT 'ntlm' AS evidence, ntlm.id, ntlm.packet, ntlm.time, system.host, system.source, windows.name, '' AS told_by
    FROM system JOIN ntlm ON ntlm.server = system.host JOIN windows ON windows.build = ntlm.server_version
    UNION ALL
    SELECT 'smb', smb.id, smb.packet, smb.time, system.host, system.source, native.name, ''
    FROM system JOIN smb ON smb.server = system.host JOIN native ON smb.server_os LIKE native.prefix || '%'
    UNION ALL
    SELECT 'ike', ike.id, ike.packet, ike.time, system.host, system.source, ike.windows, ''
    FROM system JOIN ike ON ike.src = system.host WHERE ike.windows IN (SELECT name FROM native)
    UNION ALL
    SELECT 'http', http.id, http.packet, http.time, system.host, system.source, iis.name, ' (' || iis.header || ')'
    FROM system JOIN http ON http.server = system.host JOIN iis ON http.server_header = iis.header
    WHERE http.service IS NOT NULL
    UNION ALL
    SELECT 'sql_login', sql_login.id, sql_login.packet, sql_login.time, system.host, system.source, sql_server.name, ''
    FROM system JOIN sql_login ON sql_login.server = system.host
    JOIN sql_server ON sql_login.server_version LIKE sql_server.major || '.%'
),
told AS (
    SELECT 'ntlm' AS evidence, ntlm.id, ntlm.packet, ntlm.time, ntlm.client AS host, windows.name
    FROM ntlm JOIN windows ON windows.build = ntlm.client_version
    UNION ALL
    SELECT 'registration', registration.id, registration.packet, registration.time, registration.client, agent.name
    FROM registration JOIN agent ON registration.agent_version LIKE agent.major || '%'
)
SELECT 'fail' AS result, 'strong' AS grade, evidence, id AS row, min(packet) AS packet, time,
       host || ': ' || name || told_by AS subject, 'a site system runs a version that gets no security updates any more' AS why,
       source AS rests_on
FROM seen JOIN release USING (name)
WHERE time > unixepoch(day) + 86400
GROUP BY host, name, told_by
UNION ALL
SELECT 'fail', 'hint', evidence, id, min(packet), time, host || ': ' || name,
       'a client says that it runs a version that gets no security updates any more', NULL
FROM told JOIN release USING (name)
WHERE time > unixepoch(day) + 86400
GROUP BY host, name
