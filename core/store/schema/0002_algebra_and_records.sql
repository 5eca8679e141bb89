-- 0002: corrections, latest and first, histograms, figures that are counted beside the ones that
-- answer, records, states of plugins. The figures of before are counted again from the log.

-- seq of the event that this one corrects, through whatever corrections
ALTER TABLE event ADD COLUMN root INTEGER;
-- Corrections, by the event that the whole family stands for.
CREATE TABLE correction (
	root        INTEGER NOT NULL,
	recorded_ms INTEGER NOT NULL,
	seq         INTEGER NOT NULL,
	PRIMARY KEY (root, recorded_ms, seq)
) STRICT, WITHOUT ROWID;

-- latest/first: all events of a type by key and rank, of which one counts.
CREATE TABLE choice_rule (
	rule   INTEGER PRIMARY KEY AUTOINCREMENT,
	type   TEXT NOT NULL,
	key    TEXT NOT NULL,
	rank   TEXT NOT NULL,
	latest INTEGER NOT NULL,
	identity TEXT NOT NULL, -- of what is declared of key and rank
	upto   INTEGER          -- the log is gathered up to this seq; NULL: all of it; -1: gone
) STRICT;
CREATE TABLE candidate (
	rule  INTEGER NOT NULL,
	ident INTEGER NOT NULL, -- of the key's text, in the dictionary
	rank  INTEGER NOT NULL, -- none: the least (latest) or greatest (first) there is
	seq   INTEGER NOT NULL,
	PRIMARY KEY (rule, ident, rank, seq)
) STRICT, WITHOUT ROWID;

-- Figures
DROP TABLE cube;
DROP TABLE cell;
DROP TABLE set_log;
DROP TABLE set_blob;
DROP TABLE exclusion;
DROP TABLE figures;
-- Of one (plugin, dims) there may be several: that which answers, one that is being counted, and
-- such as are gone (upto -1), whose rows are removed little by little.
CREATE TABLE cube (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	plugin   TEXT NOT NULL,
	dims     TEXT NOT NULL,
	identity TEXT NOT NULL, -- of the definitions its cells are made with
	upto     INTEGER        -- the log is counted up to this seq; NULL: all of it
) STRICT;
CREATE TABLE cell (
	cube  INTEGER NOT NULL,
	day   INTEGER NOT NULL,
	grp   TEXT NOT NULL,
	value BLOB NOT NULL,
	PRIMARY KEY (cube, day, grp)
) STRICT, WITHOUT ROWID;
-- When a day last learned something, if that was after its end.
CREATE TABLE day_known (
	cube     INTEGER NOT NULL,
	day      INTEGER NOT NULL,
	known_ms INTEGER NOT NULL,
	PRIMARY KEY (cube, day)
) STRICT, WITHOUT ROWID;
-- Days to be counted again from the log.
CREATE TABLE day_spoilt (
	cube INTEGER NOT NULL,
	day  INTEGER NOT NULL,
	PRIMARY KEY (cube, day)
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
-- Sixteen days of a set with all their groups, as one: what a figure of a long window reads. It says
-- nothing new: gone as soon as a blob of its days changes, and made again by the idle writer.
CREATE TABLE set_span (
	id    INTEGER PRIMARY KEY,
	cube  INTEGER NOT NULL,
	setno INTEGER NOT NULL,
	days  INTEGER NOT NULL, -- 1: seen on so many days, 0: so many times
	span  INTEGER NOT NULL, -- its first day / 16
	value BLOB NOT NULL,
	UNIQUE (cube, setno, days, span)
) STRICT;
-- Who was seen when on a day: what the edge of a window reads. Also gone when a blob of it changes;
-- set_stale has the days that the idle writer will make it for, once they are over.
CREATE TABLE set_times (
	id    INTEGER PRIMARY KEY,
	cube  INTEGER NOT NULL,
	setno INTEGER NOT NULL,
	day   INTEGER NOT NULL,
	value BLOB NOT NULL, -- empty: only the events tell
	UNIQUE (cube, setno, day)
) STRICT;
CREATE TABLE set_stale (
	cube  INTEGER NOT NULL,
	setno INTEGER NOT NULL,
	day   INTEGER NOT NULL,
	PRIMARY KEY (cube, setno, day)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER set_blob_added AFTER INSERT ON set_blob BEGIN
	DELETE FROM set_span WHERE cube = new.cube AND setno = new.setno AND days IN (0, 1)
		AND span = new.day >> 4;
	DELETE FROM set_times WHERE cube = new.cube AND setno = new.setno AND day = new.day;
	INSERT INTO set_stale SELECT new.cube, new.setno, new.day WHERE NOT EXISTS (SELECT 1
		FROM set_stale WHERE cube = new.cube AND setno = new.setno AND day = new.day);
END;
CREATE TRIGGER set_blob_changed AFTER UPDATE ON set_blob BEGIN
	DELETE FROM set_span WHERE cube = old.cube AND setno = old.setno AND days IN (0, 1)
		AND span = old.day >> 4;
	DELETE FROM set_times WHERE cube = old.cube AND setno = old.setno AND day = old.day;
	INSERT INTO set_stale SELECT old.cube, old.setno, old.day WHERE NOT EXISTS (SELECT 1
		FROM set_stale WHERE cube = old.cube AND setno = old.setno AND day = old.day);
END;
CREATE TRIGGER set_blob_dropped AFTER DELETE ON set_blob BEGIN
	DELETE FROM set_span WHERE cube = old.cube AND setno = old.setno AND days IN (0, 1)
		AND span = old.day >> 4;
	DELETE FROM set_times WHERE cube = old.cube AND setno = old.setno AND day = old.day;
	INSERT INTO set_stale SELECT old.cube, old.setno, old.day WHERE NOT EXISTS (SELECT 1
		FROM set_stale WHERE cube = old.cube AND setno = old.setno AND day = old.day);
END;
-- Events a measure had to leave out.
CREATE TABLE exclusion (
	cube    INTEGER NOT NULL,
	kpi     TEXT NOT NULL,
	day     INTEGER NOT NULL,
	measure TEXT NOT NULL,
	seq     INTEGER NOT NULL,
	reason  TEXT NOT NULL,
	PRIMARY KEY (cube, kpi, day, measure, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX exclusion_seq ON exclusion (seq);
-- Are there such at all? STORE_CRASHED of store.h, word for word.
CREATE INDEX exclusion_crashed ON exclusion (cube)
	WHERE reason = 'the plugin crashed on this event';

-- What each CloudEvents source has sent, up to the event that meta "feeds" names: how many, the
-- greatest sequence number (-1: none), the time of the newest event, and the numbers that are missing.
CREATE TABLE feed (
	source  TEXT PRIMARY KEY,
	count   INTEGER NOT NULL,
	last    INTEGER NOT NULL,
	last_ms INTEGER NOT NULL,
	gaps    BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Records: what stands now, and every version there was. data is a JSON object of the fields that have
-- a value, in the form the API gives them; of a deleted record, what it was at last. Those of a kind
-- are found in order by a partial index per kind (records.c), so the key comes first here.
CREATE TABLE record (
	key        TEXT NOT NULL,
	kind       TEXT NOT NULL,
	version    INTEGER NOT NULL,
	data       TEXT NOT NULL,
	subject    TEXT,             -- the person it is about, by the kind's declaration
	unit       TEXT,
	created_ms INTEGER NOT NULL,
	changed_ms INTEGER NOT NULL,
	deleted    INTEGER NOT NULL,
	PRIMARY KEY (key, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_subject ON record (subject) WHERE subject IS NOT NULL;
CREATE TABLE record_version (
	kind       TEXT NOT NULL,
	key        TEXT NOT NULL,
	version    INTEGER NOT NULL,
	data       TEXT,             -- NULL: deleted
	changed_ms INTEGER NOT NULL,
	by         TEXT NOT NULL,    -- who: a person, /token/NAME, /uid/N, or a plugin and its handler
	seq        INTEGER,          -- the event that a handler reacted to
	PRIMARY KEY (kind, key, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_version_seq ON record_version (seq) WHERE seq IS NOT NULL;

-- While figures are being counted: the plugins whose figures answer until then.
CREATE TABLE plugin_before (
	plugin TEXT PRIMARY KEY,
	hash   TEXT NOT NULL
) STRICT;
-- which of the plugin's reactions to this type, from 1; did it run as imported history; when did it run
-- again without failing, 0 = not yet
ALTER TABLE failed ADD COLUMN nth INTEGER NOT NULL DEFAULT 1;
ALTER TABLE failed ADD COLUMN past INTEGER NOT NULL DEFAULT 0;
ALTER TABLE failed ADD COLUMN done_ms INTEGER NOT NULL DEFAULT 0;
-- Plugins whose code does not run, or that have not dealt with all events; no row: all is well.
CREATE TABLE plugin_state (
	plugin   TEXT PRIMARY KEY,
	state    TEXT NOT NULL,    -- running, quarantined, disabled
	hash     TEXT NOT NULL,    -- of the sources that this is about
	since_ms INTEGER NOT NULL,
	reason   TEXT NOT NULL,
	strikes  TEXT NOT NULL,    -- JSON list of instants, in ms
	pending  INTEGER NOT NULL  -- the first event it has not dealt with; 0 = it is up to date
) STRICT, WITHOUT ROWID;
-- What sources declare, so that event types are known without running any code.
CREATE TABLE plugin_declared (
	hash TEXT PRIMARY KEY,
	text TEXT NOT NULL
) STRICT;
-- What there is to know of an event that some plugin has not dealt with: 'done' (by this plugin),
-- 'crashed' (its code is left out), 'past' (imported history; plugin '').
CREATE TABLE pending_note (
	seq    INTEGER NOT NULL,
	plugin TEXT NOT NULL,
	note   TEXT NOT NULL,
	PRIMARY KEY (seq, plugin, note)
) STRICT, WITHOUT ROWID;

