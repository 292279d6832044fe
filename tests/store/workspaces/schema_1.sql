-- a workspace as release 0.1.0 left it: schema 1, before there were pipelines
BEGIN TRANSACTION;
CREATE TABLE aliases (
	model VARCHAR NOT NULL, 
	alias VARCHAR NOT NULL, 
	registry_version INTEGER NOT NULL, 
	changed INTEGER NOT NULL, 
	PRIMARY KEY (model, alias)
);
CREATE TABLE audit_head (
	only INTEGER NOT NULL CHECK (only = 1), 
	number INTEGER NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (only)
);
INSERT INTO "audit_head" VALUES(1,2,'52df49235d220184f537b5af7b96562e4fdc42eddf4ad591d81a253237b3ef77');
CREATE TABLE audit_log (
	number INTEGER NOT NULL, 
	at VARCHAR NOT NULL, 
	who VARCHAR NOT NULL, 
	host VARCHAR NOT NULL, 
	pid INTEGER NOT NULL, 
	verb VARCHAR NOT NULL, 
	begun INTEGER, 
	arguments VARCHAR NOT NULL, 
	outcome VARCHAR NOT NULL, 
	result VARCHAR NOT NULL, 
	previous VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "audit_log" VALUES(1,'2026-11-21T14:49:50.241+00:00','ana','laptop',4711,'register',NULL,'{"model":"churn"}','done','churn 1.0.0','0000000000000000000000000000000000000000000000000000000000000000','d92fcf59449e478d1c11b6012486b2a5678f5ec238af8427a5a7ee7a4fb5648a');
INSERT INTO "audit_log" VALUES(2,'2026-11-21T14:49:50.245+00:00','ana','laptop',4711,'deploy',NULL,'{"name":"churn"}','begun','','d92fcf59449e478d1c11b6012486b2a5678f5ec238af8427a5a7ee7a4fb5648a','52df49235d220184f537b5af7b96562e4fdc42eddf4ad591d81a253237b3ef77');
CREATE TABLE deployment_events (
	id INTEGER NOT NULL, 
	deployment VARCHAR NOT NULL, 
	verb VARCHAR NOT NULL, 
	outcome VARCHAR NOT NULL, 
	began VARCHAR NOT NULL, 
	who VARCHAR NOT NULL, 
	version VARCHAR, 
	previous VARCHAR, 
	generation INTEGER, 
	seconds FLOAT, 
	reason VARCHAR, 
	error VARCHAR, 
	PRIMARY KEY (id)
);
CREATE TABLE deployments (
	name VARCHAR NOT NULL, 
	model VARCHAR NOT NULL, 
	intent VARCHAR NOT NULL, 
	version VARCHAR, 
	previous VARCHAR, 
	generation INTEGER, 
	allotted INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	host VARCHAR NOT NULL, 
	port INTEGER NOT NULL, 
	workers INTEGER NOT NULL, 
	isolated BOOLEAN NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE locks (
	name VARCHAR NOT NULL, 
	token VARCHAR NOT NULL, 
	pid INTEGER NOT NULL, 
	create_time FLOAT NOT NULL, 
	host VARCHAR NOT NULL, 
	since VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE pins (
	registry VARCHAR NOT NULL, 
	model VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	record INTEGER NOT NULL, 
	PRIMARY KEY (registry, model, version)
);
CREATE TABLE queued_aliases (
	model VARCHAR NOT NULL, 
	alias VARCHAR NOT NULL, 
	registry_version INTEGER, 
	turn INTEGER NOT NULL, 
	PRIMARY KEY (model, alias)
);
CREATE TABLE versions (
	model VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	manifest_digest VARCHAR(64), 
	registry_version INTEGER, 
	state VARCHAR NOT NULL, 
	package_path VARCHAR, 
	created VARCHAR NOT NULL, 
	run_id VARCHAR, 
	tags VARCHAR NOT NULL, 
	changed INTEGER NOT NULL, 
	PRIMARY KEY (model, version)
);
CREATE TABLE workspace_facts (
	name VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "workspace_facts" VALUES('schema','1');
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE INDEX ix_deployment_events_deployment ON deployment_events (deployment);
CREATE INDEX ix_versions_digest ON versions (digest);
COMMIT;
