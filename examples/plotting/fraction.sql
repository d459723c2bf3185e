-- The share of runs that breaks symmetry, with its Wilson interval, counted anew from the rows of runs.csv: what cells.csv
-- says, in SQL. In the result directory:   duckdb -bail < fraction.sql

-- A key has a dot in its name. The rows of a cell are counted together only if no other key is swept.
SET VARIABLE checked = (
    SELECT CASE WHEN list_sort(list(column_name)) = ['init.scale', 'net.activation'] THEN true ELSE error(
        'The directory sweeps ' || coalesce(string_agg(column_name, ', '), 'no key') || ', but this table is of '
        'net.activation and init.scale alone: symbreak run xor-scale makes such a sweep, and so does symbreak run SPEC '
        '--set KEY=VALUE for every other key.'
    ) END
    FROM (DESCRIBE FROM 'runs.csv')
    WHERE contains(column_name, '.')
);

WITH cells AS (
    SELECT
        "net.activation" AS activation,
        "init.scale" AS scale,
        count(*) AS n,
        count(*) FILTER (symmetry = 'broken') AS broken
    FROM 'runs.csv'
    WHERE getvariable('checked')
    GROUP BY ALL
),
intervals AS (
    SELECT *, broken / n AS share, 1.959964::DOUBLE AS z, z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) AS margin
    FROM cells
)
SELECT
    activation,
    scale,
    n AS runs,
    broken,
    round(share, 6) AS share,
    round((share + z * z / (2 * n) - margin) / (1 + z * z / n), 6) AS low,
    round((share + z * z / (2 * n) + margin) / (1 + z * z / n), 6) AS high,
    bar(share, 0, 1, 20) AS picture
FROM intervals
ORDER BY activation, scale;
