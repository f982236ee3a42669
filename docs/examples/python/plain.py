"""A script that records orders. Options come from the environment: SEGMO_SEGMENT_WRITE_KEY and so on.

    printf '%s\\n' 'u-1,9.99' 'u-2,12.50' | python3 plain.py
"""
import datetime
import sys
from decimal import Decimal

import segmo
from segmo.types import Report


def complain(report: Report) -> None:
    """What went wrong on the way: a dead letter, a paused destination, refused settings."""
    print(f"{report['kind']}: {report.get('reason') or report.get('message')}", file=sys.stderr)


def main() -> None:
    with segmo.Client(on_error=complain) as client:
        for line in sys.stdin:
            user, total = line.strip().split(",")
            try:
                client.track(user, "Order Completed", {"total": Decimal(total), "at": datetime.datetime.now()})
            except segmo.InvalidError as refused:
                print(f"{refused.field}: {refused.message}", file=sys.stderr)
        done = client.flush(10)
    print("delivered" if done else "what is left waits on disk for the next run")


if __name__ == "__main__":
    main()
