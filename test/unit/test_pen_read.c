/*
 * test_pen_read.c: readers of SVC2004, InkML and ISO/IEC 19794-7: what they take, what they refuse, memory that runs out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host.h"
#include "pen/pen.h"

/* The reader's answer, compared with the values expected; columns 3 or 4. */
static void
reads(PenReader reader, const void *bytes, size_t length, int rows, int columns, const double *expected)
{
	PenTrajectory trajectory;
	Status		status = {0};
	Host	   *host = test_host();

	if (!reader(bytes, length, host, &trajectory, &status))
		fail_msg("%s", status.detail);
	assert_int_equal(trajectory.rows, rows);
	assert_int_equal(trajectory.columns, columns);
	for (int i = 0; i < rows * columns; i++)
	{
		if (trajectory.points[i] != (float) expected[i])
			fail_msg("value %d is %.9g, not %.9g", i, trajectory.points[i], expected[i]);
	}
	host_release(host, trajectory.points);
	assert_int_equal(test_host_outstanding(), 0);

	for (long allowed = 0, done = false; !done; allowed++)
	{
		host = test_host();
		test_host_fail_after(allowed);
		done = reader(bytes, length, host, &trajectory, &status);
		if (done)
			host_release(host, trajectory.points);
		else
			assert_int_equal(status.code, STATUS_NO_MEMORY);
		assert_int_equal(test_host_outstanding(), 0);
	}
}

static void
refuses(PenReader reader, const void *bytes, size_t length, const char *detail)
{
	PenTrajectory trajectory;
	Status		status = {0};
	Host	   *host = test_host();

	assert_false(reader(bytes, length, host, &trajectory, &status));
	assert_int_equal(status.code, STATUS_PEN_FORMAT);
	assert_string_equal(status.detail, detail);
	assert_int_equal(test_host_outstanding(), 0);
}

#define READS(reader, text, rows, columns, ...) \
	reads(reader, text, sizeof(text) - 1, rows, columns, (const double[]) {__VA_ARGS__})
#define REFUSES(reader, text, detail) refuses(reader, text, sizeof(text) - 1, detail)

static void
test_svc2004(void **state)
{
	READS(pen_read_svc2004, "3\n10 20 1000 1\n11 -22.5 1010 1\n1.2e1 24 1050 1\n", 3, 4,
		  10, 20, 1, 0, 11, -22.5, 1, 0.01, 12, 24, 1, 0.05);
	/* task 2: pressure; a lift before the third point; the second one's time lies before the first's; CR LF */
	READS(pen_read_svc2004, "3\r\n1 2 31275775 0 0 0 400\r\n3 4 31275767 1 0 0 300\r\n5 6 31275895 0 0 0 200", 5, 4,
		  1, 2, 400, 0, 3, 4, 300, 0, 3, 4, 0, 0, 5, 6, 0, 0.12, 5, 6, 200, 0.12);
	/* a time that begins anew is no slip: what takes the trajectory refuses it */
	READS(pen_read_svc2004, "3\n1 2 5000 1\n3 4 5010 1\n5 6 0 1\n", 3, 4, 1, 2, 1, 0, 3, 4, 1, 0.01, 5, 6, 1, -5);

	REFUSES(pen_read_svc2004, "", "Line 1 must be the number of points, 1 to 20000.");
	REFUSES(pen_read_svc2004, "0\n", "Line 1 must be the number of points, 1 to 20000.");
	REFUSES(pen_read_svc2004, "1.5\n1 2 3 4\n", "Line 1 must be the number of points, 1 to 20000.");
	REFUSES(pen_read_svc2004, "20001\n", "Line 1 must be the number of points, 1 to 20000.");
	REFUSES(pen_read_svc2004, "1 2\n", "Line 1 must be the number of points, 1 to 20000.");
	REFUSES(pen_read_svc2004, "2\n1 2 3 4\n", "Line 1 announces 2 points, but there are 1.");
	REFUSES(pen_read_svc2004, "1\n1 2 3 4\n1 2 3 4\n", "Line 1 announces 1 points, but there are 2.");
	REFUSES(pen_read_svc2004, "1\n1 2 3\n", "Line 2 has 3 numbers; all lines must have 4, or all 7.");
	REFUSES(pen_read_svc2004, "2\n1 2 3 4\n1 2 3 4 5 6 7\n", "Line 3 has 7 numbers; all lines must have 4, or all 7.");
	REFUSES(pen_read_svc2004, "1\n1 2 3 4 5 6 7 8\n", "Line 2 has more than 7 numbers.");
	REFUSES(pen_read_svc2004, "1\n1 x 3 4\n", "Line 2: number 2 is not a number, or is out of range.");
	REFUSES(pen_read_svc2004, "1\n1 1e39 3 4\n", "Line 2: number 2 is not a number, or is out of range.");
	REFUSES(pen_read_svc2004, "1\n1 nan 3 4\n", "Line 2: number 2 is not a number, or is out of range.");
	REFUSES(pen_read_svc2004, "1\n1 2x 3 4\n", "Line 2: numbers must be separated by blanks.");
	REFUSES(pen_read_svc2004, "1\n1 2 3 4\0 5\n", "Line 2: numbers must be separated by blanks.");
}

static void
test_inkml(void **state)
{
	/* the examples of the standard, section 3.2 and 4.2.1: explicit values; differences */
	READS(pen_read_inkml, "<ink><trace>10 0, 9 14,8 28 , 7 42</trace></ink>", 4, 3,
		  10, 0, 1, 9, 14, 1, 8, 28, 1, 7, 42, 1);
	READS(pen_read_inkml, "<ink><trace>1125 18432,'23'43,\"7\"-8,3-5,7 -3,6 2,6 8,3 6</trace></ink>", 8, 3,
		  1125, 18432, 1, 1148, 18475, 1, 1178, 18510, 1, 1211, 18540, 1, 1251, 18567, 1, 1297, 18596, 1, 1349, 18633, 1,
		  1404, 18676, 1);
	/* explicit again; a value as before */
	READS(pen_read_inkml, "<trace>1 2,'3'4,!10!20,* 5</trace>", 4, 3, 1, 2, 1, 4, 6, 1, 10, 20, 1, 10, 5, 1);
	/* two strokes, a prefix, channels in another order, one that nobody needs, a second format, comments, instructions */
	READS(pen_read_inkml,
		  "<?xml version='1.0'?><!-- <trace>9 9</trace> --><i:ink><i:traceFormat><i:channel name='T' units='s'/>"
		  "<i:channel name=\"OTx\"/><i:channel type='integer' name = 'Y' /><i:channel name='X'/><i:channel name='F'/>"
		  "</i:traceFormat><i:traceFormat><i:channel name='X'/></i:traceFormat>"
		  "<i:trace id='a>b'>100 7 1 2 300, 100.5 7 3 4 200</i:trace><i:trace timeOffset=\"1000\">100.25 0 5 6 100</i:trace></i:ink>",
		  5, 4, 2, 1, 300, 0, 4, 3, 200, 0.5, 4, 3, 0, 0.5, 6, 5, 0, 1.25, 6, 5, 100, 1.25);
	/* milliseconds by default; a trace in the air */
	READS(pen_read_inkml, "<traceFormat><channel name='X'/><channel name='Y'/><channel name='T'/></traceFormat>"
		  "<trace>1 2 40,3 4 50</trace><trace type='penUp'>5 6 90</trace><trace/>", 5, 4,
		  1, 2, 1, 0, 3, 4, 1, 0.01, 3, 4, 0, 0.01, 5, 6, 0, 0.05, 5, 6, 0, 0.05);
}

/* Which channels a trace has. */
static void
test_inkml_contexts(void **state)
{
	/* each trace by the context that it names: channels in another order, with and without F, from formats and sources */
	READS(pen_read_inkml,
		  "<ink><definitions><traceFormat xml:id='f'><channel name='Y'/><channel name='X'/></traceFormat>"
		  "<context xml:id='a'><traceFormat><channel name='X'/><channel name='Y'/><channel name='F'/></traceFormat></context>"
		  "<context xml:id='b' traceFormatRef='#f'/><context xml:id='c' contextRef='#b'/><context xml:id='brush' brushRef='#x'/>"
		  "<inkSource xml:id='s'><traceFormat><channel name='OTx'/><channel name='X'/><channel name='Y'/></traceFormat></inkSource>"
		  "<context xml:id='d' inkSourceRef='#s'/></definitions>"
		  "<trace contextRef='#a'>1 2 30, 3 4 40</trace><trace contextRef='#b'>6 5</trace><trace contextRef='#c'>8 7</trace>"
		  "<trace contextRef='#d'>0 9 10</trace><trace contextRef='#DefaultContext'>11 12</trace><trace contextRef='#brush'>14 13</trace></ink>",
		  17, 3, 1, 2, 30, 3, 4, 40, 3, 4, 0, 5, 6, 0, 5, 6, 1, 5, 6, 0, 7, 8, 0, 7, 8, 1, 7, 8, 0, 9, 10, 0, 9, 10, 1,
		  9, 10, 0, 11, 12, 0, 11, 12, 1, 11, 12, 0, 13, 14, 0, 13, 14, 1);
	/* groups hand theirs on; a context outside of definitions is the current one */
	READS(pen_read_inkml,
		  "<ink><definitions><traceFormat xml:id='f'><channel name='Y'/><channel name='X'/></traceFormat></definitions>"
		  "<context traceFormatRef='#f'/><trace>2 1</trace><traceGroup contextRef='#DefaultContext'><traceGroup><trace>3 4</trace>"
		  "</traceGroup><trace contextRef='#f'>6 5</trace></traceGroup><trace>8 7</trace></ink>", 10, 3,
		  1, 2, 1, 1, 2, 0, 3, 4, 0, 3, 4, 1, 3, 4, 0, 5, 6, 0, 5, 6, 1, 5, 6, 0, 7, 8, 0, 7, 8, 1);
	/* without a name the document's first format counts; intermittent channels may be left out; booleans, and what is unknown */
	READS(pen_read_inkml,
		  "<traceFormat><channel name='X'/><channel name='Y'/><channel name='S' type='boolean'/><intermittentChannels>"
		  "<channel name='B1' type='boolean'/><channel name='Z'/></intermittentChannels></traceFormat>"
		  "<trace>1 2 T F 7, 3 4 F, 5 6 T T, ? 7 F</trace>", 4, 3, 1, 2, 1, 3, 4, 1, 5, 6, 1, 5, 7, 1);
	/* a trace that continues another is the same stroke */
	READS(pen_read_inkml, "<trace xml:id='t' continuation='begin'>1 2</trace><trace continuation='end' priorRef='#t'>3 4</trace>", 2, 3,
		  1, 2, 1, 3, 4, 1);
	REFUSES(pen_read_inkml, "<trace contextRef='#nowhere'>1 2</trace>",
			"Line 1: an element refers to a context or format that is not defined before it.");
	REFUSES(pen_read_inkml, "<definitions><context xml:id='a'><traceFormat><channel name='X'/></traceFormat></context></definitions>"
			"<trace contextRef='#DefaultContext'>1 2</trace>\n<trace contextRef='#a'>1</trace>", "Line 2: the traces have no channels X and Y.");
}

/* Units, resolutions, and times that begin anew. */
static void
test_inkml_units(void **state)
{
#define TIMED(units) "<traceFormat><channel name='X'/><channel name='Y'/><channel name='T' " units "/></traceFormat>"
	READS(pen_read_inkml, TIMED("units='us'") "<trace>1 2 0, 3 4 500000</trace>", 2, 4, 1, 2, 1, 0, 3, 4, 1, 0.5);
	READS(pen_read_inkml, TIMED("units='\xC2\xB5s'") "<trace>1 2 0, 3 4 500000</trace>", 2, 4, 1, 2, 1, 0, 3, 4, 1, 0.5);
	READS(pen_read_inkml, TIMED("units='ns'") "<trace>1 2 0, 3 4 500000000</trace>", 2, 4, 1, 2, 1, 0, 3, 4, 1, 0.5);
	REFUSES(pen_read_inkml, TIMED("units='h'"), "Line 1: the units of channel T must be s, ms, us or ns.");
	READS(pen_read_inkml, "<inkSource>" TIMED("units='dev'") "<channelProperties><channelProperty channel='T' name='resolution' value='200'"
		  " units='1/s'/></channelProperties></inkSource><trace>1 2 0, 3 4 100</trace>", 2, 4, 1, 2, 1, 0, 3, 4, 1, 0.5);
	/* X and Y of other units or resolutions: in the first trace's X */
	READS(pen_read_inkml, "<traceFormat><channel name='X' units='mm'/><channel name='Y' units='cm'/></traceFormat><trace>10 1, 20 3</trace>",
		  2, 3, 10, 10, 1, 20, 30, 1);
	READS(pen_read_inkml, "<definitions><inkSource xml:id='s'><traceFormat><channel name='X'/><channel name='Y'/></traceFormat><channelProperties>"
		  "<channelProperty channel='X' name='resolution' value='100' units='1/in'/><channelProperty channel='Y' name='resolution' value='0.127'"
		  " units='mm'/><channelProperty channel='F' name='resolution' value='3' units='g'/></channelProperties></inkSource>"
		  "<context xml:id='c' inkSourceRef='#s'/></definitions><trace contextRef='#c'>10 10, 20 30</trace>", 2, 3, 10, 5, 1, 20, 15, 1);
	REFUSES(pen_read_inkml, "<inkSource><channelProperty channel='X' name='resolution' value='0' units='1/in'/></inkSource>",
			"Line 1: a resolution is not a positive number.");
	/* T counts from each trace's beginning: 30 units took 0.25 s, so 12 in the air take 0.1; then on from there */
	READS(pen_read_inkml, TIMED("units='s'") "<trace>0 0 7, 10 0 7.125</trace><trace>22 0 0, 42 0 0.125</trace><trace>42 0 0</trace>", 9, 4,
		  0, 0, 1, 0, 10, 0, 1, 0.125, 10, 0, 0, 0.125, 22, 0, 0, 0.225, 22, 0, 1, 0.225, 42, 0, 1, 0.35,
		  42, 0, 0, 0.35, 42, 0, 0, 0.35, 42, 0, 1, 0.35);
	/* a gap that is known stays; one trace without T, and there is no time */
	READS(pen_read_inkml, TIMED("units='s'") "<trace>0 0 7, 10 0 7.125</trace><trace>22 0 8</trace>", 5, 4,
		  0, 0, 1, 0, 10, 0, 1, 0.125, 10, 0, 0, 0.125, 22, 0, 0, 1, 22, 0, 1, 1);
	READS(pen_read_inkml, TIMED("units='s'") "<trace>1 2 7</trace><trace contextRef='#DefaultContext'>3 4</trace>", 4, 3,
		  1, 2, 1, 1, 2, 0, 3, 4, 0, 3, 4, 1);
}

static void
test_inkml_refused(void **state)
{
	REFUSES(pen_read_inkml, "", "It has no points.");
	REFUSES(pen_read_inkml, "<ink><trace></trace></ink>", "It has no points.");
	REFUSES(pen_read_inkml, "<trace>1 2", "Line 1: a trace contains something other than numbers, or is not terminated.");
	REFUSES(pen_read_inkml, "<trace>1 2<b/>3 4</trace>", "Line 1: a trace contains something other than numbers, or is not terminated.");
	REFUSES(pen_read_inkml, "\n<trace>1 2 3</trace>", "Line 2: a point has more numbers than channels.");
	REFUSES(pen_read_inkml, "<trace>1</trace>", "Line 1: a trace contains something other than decimal numbers.");
	REFUSES(pen_read_inkml, "<trace>1 &#50;</trace>", "Line 1: a trace contains something other than decimal numbers.");
	REFUSES(pen_read_inkml, "<trace>1 T</trace>", "Line 1: a trace contains something other than decimal numbers.");
	REFUSES(pen_read_inkml, "<trace>#1F 2</trace>", "Line 1: a trace contains something other than decimal numbers.");
	REFUSES(pen_read_inkml, "<!DOCTYPE ink [<!ENTITY a 'b'>]><trace>1 2</trace>",
			"Line 1: declarations and CDATA sections are not supported.");
	REFUSES(pen_read_inkml, "<!-- ", "Line 1: unterminated comment or processing instruction.");
	REFUSES(pen_read_inkml, "<trace a='>1 2</trace>", "Line 1: unterminated tag.");
	REFUSES(pen_read_inkml, "<traceFormat><channel/></traceFormat>", "Line 1: a channel has no name.");
	REFUSES(pen_read_inkml, "<traceFormat><channel name='X'/></traceFormat><trace>1</trace>",
			"Line 1: the traces have no channels X and Y.");
}

/* X and Y with scaling 2 and 4 (exponents 17 and 18), DT constant, 1/100 s (exponent 22, 100 = 64 * 1.5625), F with its range. */
#define ISO_HEADER "SDI\0 10\0" "\xC0\xC0" "\x80\x88\x00" "\x80\x90\x00" "\x84\xB4\x80" "\x60\x00\x00\x03\xFF" "\x00\x00"

static void
test_iso19794_7(void **state)
{
	/* y crosses from 32767 to 32768, which is a step of one whatever the sign */
	static const char points[] = ISO_HEADER "\x00\x00\x03" "\x00\x0A\x7F\xFF\x00\x05" "\x00\x0C\x80\x00\x00\x06" "\x00\x08\x7F\xFB\x00\x00";
	static const char octets[] = ISO_HEADER "\x00\x00\x0C" "\x00\x0A\x7F\xFF\x00\x05" "\x00\x0C\x80\x00\x00\x06";
	/* T in ms (1000 = 512 * 1.953125), the pen's switch, and Z, which is passed over */
	static const char timed[] = "SDI\0 10\0" "\xE1\x20" "\x00\x00\x00" "\x80\xCF\xA0" "\x00" "\x00\x00" "\x00\x00\x02"
		"\x00\x01\x00\x02\x55\x55\x00\x64\x01" "\xFF\xFF\x00\x04\x55\x55\x00\x96\x00";

	reads(pen_read_iso19794_7, points, sizeof(points) - 1, 3, 4, (const double[]) {
		0, 0, 5, 0, 1, 0.25, 6, 0.01, -1, -1, 0, 0.02
	});
	reads(pen_read_iso19794_7, octets, sizeof(octets) - 1, 2, 4, (const double[]) {0, 0, 5, 0, 1, 0.25, 6, 0.01});
	reads(pen_read_iso19794_7, timed, sizeof(timed) - 1, 2, 4, (const double[]) {0, 0, 1, 0, -2, 2, 0, 0.05});
	READS(pen_read_iso19794_7, "SDI\0 10\0\xC0\0\0\0\0\0\0\0\x01\0\x01\0\x02", 1, 3, 0, 0, 1);

	REFUSES(pen_read_iso19794_7, "", "It does not begin with \"SDI\".");
	REFUSES(pen_read_iso19794_7, "SDI\0 20\0", "Its version is not \" 10\", that of ISO/IEC 19794-7:2007.");
	REFUSES(pen_read_iso19794_7, "SDI\0 10\0", "It is truncated in the channels: it has only 8 bytes.");
	REFUSES(pen_read_iso19794_7, "SDI\0 10\0\xC0", "It is truncated in the channels: it has only 9 bytes.");
	REFUSES(pen_read_iso19794_7, "SDI\0 10\0\xC0\0\x80\x88", "It is truncated in the channels: it has only 12 bytes.");
	REFUSES(pen_read_iso19794_7, "SDI\0 10\0\xC0\0\0\x08\x01", "It is truncated in the channels: it has only 13 bytes.");
	REFUSES(pen_read_iso19794_7, "SDI\0 10\0\x80\0\0\0", "It has no channel Y.");
	REFUSES(pen_read_iso19794_7, "SDI\0 10\0\x40\0\0\0", "It has no channel X.");
	REFUSES(pen_read_iso19794_7, "SDI\0 10\0\xC0\0\x04\x04\0\0\0\0\x01", "All its channels are constant.");
	REFUSES(pen_read_iso19794_7, "SDI\0 10\0\xC0\0\0\0\0\0\0\0", "It is truncated in the header: it has only 16 bytes.");
	REFUSES(pen_read_iso19794_7, "SDI\0 10\0\xC0\0\0\0\0\0\0\0\x02\0\x01",
			"It announces 2 points of 4 bytes each, but only 2 bytes are left.");
	REFUSES(pen_read_iso19794_7, "SDI\0 10\0\xC0\0\0\0\0\0\0\0\0", "It has no points.");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_svc2004),
		cmocka_unit_test(test_inkml), cmocka_unit_test(test_inkml_contexts), cmocka_unit_test(test_inkml_units),
		cmocka_unit_test(test_inkml_refused),
		cmocka_unit_test(test_iso19794_7)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
