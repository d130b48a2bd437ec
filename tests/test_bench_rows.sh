#!/bin/sh
# bench --chains measures every transform of the table: here on a short row, for the sake of time.
set -u
program=$1
out=$("$program" bench --chains --json --symbols 1000) || { echo "bench_rows: it failed"; exit 1; }
checks=0
for name in $("$program" list strategies --json | sed -n 's/.*"domain".*/&/p' | sed -n 's/^{"name": *"\([a-z0-9_]*\)".*/\1/p'); do
    checks=$((checks + 1))
    echo "$out" | grep -q "\"what\":\"transform\",\"chain\":\"$name[\"=(]" ||
        { echo "bench_rows: the transform $name is not measured"; exit 1; }
done
[ "$checks" -ge 45 ] || { echo "bench_rows: list strategies gave $checks transforms"; exit 1; }
measured=$(echo "$out" | grep -c '"what":"transform",')
[ "$measured" -gt "$checks" ] || { echo "bench_rows: $measured transforms, with forms of other systems"; exit 1; }
echo "$out" | tail -n 1 | grep -q "\"what\":\"transforms\",\"measured\":$measured,\"bar_us\":150,\"above\":\[" ||
    { echo "bench_rows: no sum over $measured transforms at the end: $(echo "$out" | grep '"transforms"')"; exit 1; }
echo "bench_rows: $checks checks passed"
