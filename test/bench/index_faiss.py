#!/usr/bin/python3
# index_faiss.py FOLDER NAME SET METRIC ROWS DIMENSIONS QUERIES SECONDS: FAISS on the rows of one set of the benchmark "index", one thread: the flat
# index and IVFFlat with all lists searched, one query at a time and all at once.  The time is the processor's.  Prints lines of method, setting,
# name of the number, number; "recall" is the share of the ten nearest of the table truth_NAME_METRIC, which is 1 but for equal distances.
import os
import subprocess
import sys
import time

os.environ['OMP_NUM_THREADS'] = os.environ['OPENBLAS_NUM_THREADS'] = '1'
import faiss  # noqa: E402: it reads the number of threads
import numpy  # noqa: E402

folder, name, kind, metric = sys.argv[1:5]
rows, dimensions, queries = (int(n) for n in sys.argv[5:8])
seconds = float(sys.argv[8])
faiss.omp_set_num_threads(1)


def made(count, first):
    """The rows as the generator writes them for COPY in binary: (id int, real[]), each value behind its length."""
    data = subprocess.run([folder + '/index_data', 'rows', kind, str(count), str(dimensions), '1', str(first)], stdout=subprocess.PIPE, check=True).stdout
    row = numpy.dtype([('head', 'S10'), ('length', '>i4'), ('array', 'S20'), ('value', [('length', '>i4'), ('x', '>f4')], dimensions)])
    return numpy.ascontiguousarray(numpy.frombuffer(data, row, count, 19)['value']['x'], dtype=numpy.float32)


def rate(search, at_once):
    """Queries a second: as many rounds as take about the seconds asked for."""
    search(asked[:at_once])
    done, began = 0, time.process_time()
    while done == 0 or time.process_time() - began < seconds:
        at = done % (queries - at_once + 1)
        search(asked[at:at + at_once])
        done += at_once
    return done / (time.process_time() - began)


def measure(method, index):
    found = index.search(asked, 10)[1]
    print(method, '', 'recall', sum(len(truth[-q] & set(ids)) for q, ids in zip(numbers, found)) / (10 * queries), sep='\t', flush=True)
    print(method, '', 'queries_a_s', '%.1f' % rate(lambda x: index.search(x, 10), 1), sep='\t', flush=True)
    print(method, '', 'at_once_a_s', '%.1f' % rate(lambda x: index.search(x, 10), queries), sep='\t', flush=True)


print('faiss', '', 'measured', time.strftime('%Y-%m-%d', time.gmtime()) + ', FAISS ' + faiss.__version__ + ' (' + faiss.get_compile_options().strip() + ')', sep='\t')
table, asked = made(rows, 0), made(queries, -queries)
numbers = range(queries, 0, -1)
lines = subprocess.run(['psql', '-XAtc', f"SELECT query, array_to_string(ids, ' ') FROM truth_{name}_{metric}"], stdout=subprocess.PIPE, check=True, text=True).stdout
truth = {int(line.split('|')[0]): {int(i) for i in line.split('|')[1].split()} for line in lines.splitlines()}
distance = faiss.METRIC_L1 if metric == 'l1' else faiss.METRIC_L2
flat = faiss.IndexFlat(dimensions, distance)
flat.add(table)
measure('flat', flat)
if metric == 'l2':  # the other has no lists
    lists = int(rows ** 0.5)
    quantizer = faiss.IndexFlat(dimensions, distance)
    inverted = faiss.IndexIVFFlat(quantizer, dimensions, lists, distance)
    inverted.train(table)
    inverted.add(table)
    inverted.nprobe = lists
    measure('lists', inverted)
