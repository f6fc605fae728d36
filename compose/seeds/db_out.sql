-- Test data made by `polytune data`; the people do not exist.
DROP TABLE IF EXISTS results;
CREATE TABLE results (id SERIAL PRIMARY KEY, joined INT);
DROP TABLE IF EXISTS settings;
CREATE TABLE settings (id SERIAL PRIMARY KEY, threshold INT);
INSERT INTO settings (threshold) VALUES (4);
