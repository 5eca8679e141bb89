-- 0001: the event log, the figures, the plugins, access.

-- The log: append-only. data is what was sent, derived what the type's functions made of it.
CREATE TABLE event (
	seq         INTEGER PRIMARY KEY,
	id          TEXT NOT NULL,
	source      TEXT NOT NULL,
	type        TEXT NOT NULL,
	time        TEXT NOT NULL,    -- RFC 3339 as sent
	time_ms     INTEGER NOT NULL, -- the same instant
	recorded_ms INTEGER NOT NULL, -- when it became known
	subject     TEXT,
	unit        TEXT,
	actor       TEXT,
	sequence    TEXT,
	corrects    TEXT,
	data        TEXT,             -- JSON object
	derived     TEXT,             -- JSON object
	digest      BLOB NOT NULL,    -- of the content, to tell a retry from a conflict
	job         INTEGER NOT NULL,
	clockahead  INTEGER NOT NULL
) STRICT;
CREATE INDEX event_time ON event (time_ms, type);
-- (source, id) is unique: a hash of both leads to the event. The newest are not in here yet.
CREATE TABLE event_key (
	hash INTEGER NOT NULL,
	seq  INTEGER NOT NULL,
	PRIMARY KEY (hash, seq)
) STRICT, WITHOUT ROWID;

-- Events placed by another time field than `time` (a measure's `at`).
CREATE TABLE at_slot (
	slot  INTEGER PRIMARY KEY AUTOINCREMENT,
	type  TEXT NOT NULL,
	field TEXT NOT NULL,
	UNIQUE (type, field)
) STRICT;
CREATE TABLE event_at (
	slot INTEGER NOT NULL,
	ms   INTEGER NOT NULL,
	seq  INTEGER NOT NULL,
	PRIMARY KEY (slot, ms, seq)
) STRICT, WITHOUT ROWID;

-- Figures: a cube is all measures with the same dimensions; a cell is a cube, a day and a group.
CREATE TABLE cube (
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	plugin TEXT NOT NULL,
	dims   TEXT NOT NULL,
	UNIQUE (plugin, dims)
) STRICT;
CREATE TABLE cell (
	cube  INTEGER NOT NULL,
	day   INTEGER NOT NULL,
	grp   TEXT NOT NULL,
	value BLOB NOT NULL,
	PRIMARY KEY (cube, day, grp)
) STRICT, WITHOUT ROWID;
-- Who was seen, and how often: what a batch saw is a row of the log until it is folded into one blob
-- per cell.
CREATE TABLE set_log (
	seq     INTEGER PRIMARY KEY,
	entries INTEGER NOT NULL,
	value   BLOB NOT NULL
) STRICT;
CREATE TABLE set_blob (
	cube  INTEGER NOT NULL,
	setno INTEGER NOT NULL,
	day   INTEGER NOT NULL,
	grp   TEXT NOT NULL,
	value BLOB NOT NULL,
	PRIMARY KEY (cube, setno, day, grp)
) STRICT, WITHOUT ROWID;
-- The dictionary: keyed hash of a text → its number. No text is kept. New ones wait in ident_new.
CREATE TABLE ident (
	hash BLOB PRIMARY KEY,
	id   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE ident_new (
	id   INTEGER PRIMARY KEY,
	hash BLOB NOT NULL
) STRICT;
-- Events a measure had to leave out.
CREATE TABLE exclusion (
	kpi     TEXT NOT NULL,
	day     INTEGER NOT NULL,
	measure TEXT NOT NULL,
	seq     INTEGER NOT NULL,
	plugin  TEXT NOT NULL,
	reason  TEXT NOT NULL,
	PRIMARY KEY (kpi, day, measure, seq)
) STRICT, WITHOUT ROWID;

-- Plugins: sources by content hash, and which are in force.
CREATE TABLE plugin_source (
	hash TEXT NOT NULL,
	path TEXT NOT NULL,
	text TEXT NOT NULL,
	PRIMARY KEY (hash, path)
) STRICT;
CREATE TABLE plugin_current (
	plugin TEXT PRIMARY KEY,
	hash   TEXT NOT NULL
) STRICT;
CREATE TABLE figures (
	plugin   TEXT PRIMARY KEY,
	identity TEXT NOT NULL -- of the definitions the plugin's cells were made with
) STRICT;
CREATE TABLE failed (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	seq       INTEGER NOT NULL,
	at_ms     INTEGER NOT NULL,
	plugin    TEXT NOT NULL,
	handler   TEXT NOT NULL,
	file      TEXT NOT NULL,
	line      INTEGER NOT NULL,
	message   TEXT NOT NULL,
	traceback TEXT NOT NULL,
	tries     INTEGER NOT NULL
) STRICT;
CREATE INDEX failed_seq ON failed (seq);

-- Access, answers kept for a replay, and what else there is to remember.
CREATE TABLE token (
	name       TEXT PRIMARY KEY,
	level      INTEGER NOT NULL,
	unit       TEXT NOT NULL,
	person     TEXT NOT NULL,
	sha256     BLOB NOT NULL,
	expires_ms INTEGER NOT NULL,
	made_ms    INTEGER NOT NULL
) STRICT;
CREATE TABLE job_result (
	key    INTEGER PRIMARY KEY,
	batch  INTEGER NOT NULL,
	status INTEGER NOT NULL,
	body   BLOB NOT NULL
) STRICT;
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT;
CREATE TABLE view_text (
	name TEXT PRIMARY KEY,
	text TEXT NOT NULL
) STRICT;
