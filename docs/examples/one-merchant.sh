#!/usr/bin/env bash
# One merchant walks the whole line over HTTP, with curl.  See docs/api.md.
#   dandelion init rehearsal --clock-start 2025-03-01T00:00:00Z
#   dandelion serve --workspace rehearsal                     # in another terminal
#   WORKSPACE=rehearsal docs/examples/one-merchant.sh
set -euo pipefail
WORKSPACE=${WORKSPACE:-rehearsal}
URL=${URL:-http://127.0.0.1:8310}
PYTHON=${PYTHON:-python3}
SERVICE=$(dandelion token core-systems --role service --workspace "$WORKSPACE")
ME=$(dandelion token m-17 --role merchant --workspace "$WORKSPACE")

call() { # call TOKEN METHOD PATH [BODY]; every write gets a fresh key
  local answer
  answer=$(curl -sS --fail-with-body -X "$2" "$URL$3" -H "Authorization: Bearer $1" \
    -H "Idempotency-Key: $(uuidgen 2>/dev/null || cat /proc/sys/kernel/random/uuid)" \
    -H "Content-Type: application/json" ${4:+--data "$4"}) || { echo "$2 $3: $answer" >&2; return 1; }
  echo "$answer"
}
pick() { "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
show() { echo; echo "## $*"; }

takings() { # takings FIRST COUNT DAY HOURS_APART: COUNT payments to m-17 before midnight of DAY, as a till would report them
  "$PYTHON" - "$@" <<'P'
import json, sys
from datetime import datetime, timedelta, timezone

first, count, day, hours = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
end = datetime.fromisoformat(day).replace(tzinfo=timezone.utc)
rows = [
    {"source_id": f"order-{n}", "at": (end - timedelta(hours=hours * (n - first) + 1)).isoformat(), "payee": "m-17",
     "payer": f"p-{n * 7 % 90}", "amount_fen": 12_000 + n % 9 * 1_500, "channel": "qr"}
    for n in range(first, first + count)
]
print(json.dumps({"kind": "payment", "source": "till", "events": rows}))
P
}

show "the payment processor reports ten months of payments"
call "$SERVICE" POST /v1/activity "$(takings 0 900 2025-03-01 8)"

show "the merchant allows credit decisions on its payments, applies, and is told"
call "$ME" POST /v1/consents '{"purpose": "credit", "data_kinds": ["payments", "orders", "logins", "credit_reports"], "days": 365}'
DECISION=$(call "$ME" POST /v1/applications '{"product": "shop-line"}')
echo "$DECISION"
LINE=$(pick line <<<"$DECISION")
ID=$(pick decision <<<"$DECISION")

show "before the first draw: identity, account, contract, use"
call "$ME" POST /v1/identity '{"name": "王小明", "id_number": "11010519491231002X", "phone": "13800000000"}'
call "$ME" POST /v1/payout-account '{"account_number": "6222000011112222", "bank": "ICBC"}'
CONTRACT=$(call "$ME" GET "/v1/lines/$LINE/contract" | pick sha256)
call "$ME" POST "/v1/lines/$LINE/contract" "{\"sha256\": \"$CONTRACT\"}"
call "$ME" POST "/v1/lines/$LINE/use" '{"use": "stock"}'

show "a quote, a draw, and the money is out"
call "$ME" POST /v1/quotes "{\"line\": \"$LINE\", \"amount_fen\": 500000, \"days\": 50}"
DRAW=$(call "$ME" POST /v1/draws "{\"line\": \"$LINE\", \"amount_fen\": 500000}" | pick drawdown)
sleep 1
call "$ME" GET "/v1/draws/$DRAW"

show "two weeks later: customers paid in, the raise day comes"
call "$SERVICE" POST /v1/clock '{"now": "2025-03-16T00:00:00Z"}'
call "$SERVICE" POST /v1/activity "$(takings 900 60 2025-03-09 3)"
call "$SERVICE" POST /v1/rounds/raise-day

show "it repays early; the day is closed"
call "$SERVICE" POST "/v1/lines/$LINE/repayments" '{"amount_fen": 200000, "source_ref": "bank-0001"}'
call "$SERVICE" POST /v1/rounds/end-of-day
call "$ME" GET "/v1/lines/$LINE"

show "why, and is it still the same"
call "$ME" GET "/v1/decisions/$ID/explanation"
call "$ME" POST "/v1/decisions/$ID/replay"
