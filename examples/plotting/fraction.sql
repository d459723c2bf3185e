-- The share of runs that breaks symmetry, with its Wilson interval, counted anew from the rows of runs.csv: what cells.csv
-- says, in SQL. In the result directory:   duckdb < fraction.sql
WITH cells AS (
    SELECT
        "net.activation" AS activation,
        "init.scale" AS scale,
        count(*) AS n,
        count(*) FILTER (symmetry = 'broken') AS broken
    FROM 'runs.csv'
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
