#!/usr/bin/python3
"""Prepares a trajectory and computes its features, for test_pen_prepare.c; from the descriptions in pen.h, in plain Python.

    test/unit/pen/make_pen.py > test/unit/pen/pen_numbers.h
"""
import math
import struct

LENGTH = 24
ROWS = 70


def single(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def trajectory():
    """A scrawl with a gap in the air, a rest, and irregular times."""
    rows, time = [], 3.5
    for i in range(ROWS):
        u = i / (ROWS - 1)
        x = 40 * u + 9 * math.sin(11 * u) + 3 * math.cos(37 * u)
        y = 7 * math.sin(17 * u + 1) - 12 * u * u + 2 * math.sin(41 * u)
        pressure = 0 if 30 <= i < 36 else 300 + 200 * math.sin(9 * u)
        if 50 <= i < 53:
            x, y = rows[49][0], rows[49][1]
        rows.append([single(v) for v in (x, y, pressure, time)])
        time += 0.01 + 0.004 * math.sin(i * i)
    return rows


def resampled(rows, arc):
    """Points at equal steps of a measure, each [x, y, pressure, down, time]."""
    highest = max(r[2] for r in rows)
    measure = [0.0]
    for a, b in zip(rows, rows[1:]):
        measure.append(measure[-1] + (math.hypot(b[0] - a[0], b[1] - a[1]) if arc else b[3] - a[3]))
    points = []
    for i in range(LENGTH):
        goal = measure[-1] * i / (LENGTH - 1)
        k = next((k for k in range(len(rows) - 1) if measure[k + 1] >= goal), len(rows) - 2)
        step = measure[k + 1] - measure[k]
        t = min((goal - measure[k]) / step, 1) if step > 0 else 0
        mix = [a + t * (b - a) for a, b in zip(rows[k], rows[k + 1])]
        points.append([mix[0], mix[1], mix[2] / highest, float(rows[k if t < 0.5 else k + 1][2] > 0), mix[3] - rows[0][3]])
    return points


def centred(values, drift):
    n = len(values)
    mean = sum(values) / n
    indices = [i - (n - 1) / 2 for i in range(n)]
    slope = sum(i * v for i, v in zip(indices, values)) / sum(i * i for i in indices) if drift else 0
    return [v - mean - slope * i for i, v in zip(indices, values)]


def prepared(rows, arc, drift, both):
    points = resampled(rows, arc)
    xs, ys = (centred([p[axis] for p in points], drift) for axis in (0, 1))
    spread = math.sqrt(sum(v * v for v in ys) / LENGTH)
    if both:
        spread = math.sqrt(sum(x * x + y * y for x, y in zip(xs, ys)) / LENGTH)
    return [[x / spread, y / spread] + p[2:] for x, y, p in zip(xs, ys, points)]


def differences(values):
    """Slope of the regression line through five points, times ten; the ends are repeated."""
    at = lambda i: values[min(max(i, 0), len(values) - 1)]
    return [sum(k * at(i + k) for k in (-2, -1, 1, 2)) for i in range(len(values))]


def derivative(values, times):
    return [v / t if t > 0 else 0 for v, t in zip(differences(values), differences(times))]


def rms(values):
    return math.sqrt(sum(v * v for v in values) / len(values))


def features(sample):
    xs, ys, pressure, down, times = (list(column) for column in zip(*sample))
    vx, vy = derivative(xs, times), derivative(ys, times)
    ax, ay = derivative(vx, times), derivative(vy, times)
    v = [math.hypot(a, b) for a, b in zip(vx, vy)]
    a = [math.hypot(p, q) for p, q in zip(ax, ay)]
    vr, ar = rms(v), rms(a)
    change = derivative(pressure, times)
    cr = rms(change)
    angle = [math.atan2(q, p) for p, q in zip(vx, vy)]
    rests = [s <= vr * 1e-6 for s in v]
    rows = []
    for i in range(LENGTH):
        before, behind = max(i - 1, 0), min(i + 1, LENGTH - 1)
        turns = not rests[before] and not rests[behind]
        bend = angle[behind] - angle[before]
        cross = vx[i] * ay[i] - vy[i] * ax[i]
        dot = vx[i] * ax[i] + vy[i] * ay[i]
        floor = (vr / 100) ** 3
        row = [
            2 * down[i] - 1, xs[i] / 4, ys[i] / 4, v[i] / (2 * vr) - 1,
            cross / v[i] / (2 * ar) if v[i] else 0, dot / v[i] / (2 * ar) if v[i] else 0,
            0 if rests[i] else math.cos(angle[i]), 0 if rests[i] else math.sin(angle[i]),
            math.cos(bend) if turns else 0, math.sin(bend) if turns else 0,
            2 * pressure[i] - 1, change[i] / (3 * cr),
            math.log((v[i] + vr / 100) / 10) / 4, math.log((v[i] ** 3 + floor) / (abs(cross) + floor)) / 5,
            vx[i] / (3 * vr), vy[i] / (3 * vr), a[i] / (2 * ar) - 1,
            2 * times[i] / times[-1] - 1, math.log(times[-1] / 3) / 2,
        ]
        rows.append([min(max(value, -1), 1) for value in row])
    return rows


def emit(name, rows):
    print(f"\nstatic const float {name}[{len(rows)}][{len(rows[0])}] = {{")
    print(",\n".join("\t{" + ", ".join(f"{value:.9g}" for value in row) + "}" for row in rows))
    print("};")


def main():
    rows = trajectory()
    print("/* Made by make_pen.py. */")
    emit("pen_trajectory", rows)
    for name, arc, drift, both in (("time", False, True, False), ("arc", True, False, True)):
        sample = prepared(rows, arc, drift, both)
        emit(f"pen_sample_{name}", sample)
        emit(f"pen_features_{name}", features(sample))


main()
