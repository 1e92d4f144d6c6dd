/*
 * report_pictures.c: the worst errors of the model as pictures: each pair as the network sees it.
 */
#include "postgres.h"

#include <math.h>

#include "common/check.h"
#include "common/host.h"
#include "evaluation/report.h"
#include "image/image.h"
#include "model/stored_calibration.h"
#include "network/network.h"
#include "pen/pen.h"
#include "training/examples.h"
#include "verification/calibration.h"
#include "verification/score.h"

#define SHOWN_PAIRS 8			/* of each kind */
#define LABEL_CHARACTERS 60

static void
put_picture(const Report *report, int example, const char *role)
{
	const Examples *examples = report->evaluation.examples;
	const NetworkDefinition *definition = report->evaluation.model->definition;
	const char *label = examples->label[examples->example[example].label].name;
	uint8	   *buffer = palloc(examples->raster_bytes);
	const uint8 *raster;
	Status		status;

	examples_fetch(examples, &example, 1, buffer, &raster);
	appendStringInfoString(report->out, "<img alt=\"");
	appendStringInfo(report->out, "%s of ", role);
	report_text(report->out, label, LABEL_CHARACTERS);
	appendStringInfoString(report->out, "\" src=\"");
	if (definition->input_kind == INPUT_PEN)
	{
		char	   *svg;
		size_t		length;

		if (!pen_draw(&definition->pen, (const float *) (const void *) raster, host_server(), &svg, &length, &status))
			check_raise_status(&status);
		report_data(report->out, "image/svg+xml", svg, length);
		host_release(host_server(), svg);
	}
	else
	{
		uint8_t    *png;
		size_t		length;

		if (!image_encode_png(raster, definition->image.width, definition->image.height, definition->image.channels,
							  host_server(), &png, &length, &status))
			check_raise_status(&status);
		report_data(report->out, "image/png", png, length);
		host_release(host_server(), png);
	}
	appendStringInfoString(report->out, "\"/>");
	pfree(buffer);
}

static void
put_pair(const Report *report, PairKind kind, const Pair *pair)
{
	const Examples *examples = report->evaluation.examples;
	const char *a = examples->label[examples->example[pair->a].label].name;
	const char *b = examples->label[examples->example[pair->b].label].name;
	double		probability = calibration_probability(&report->evaluation.calibration, pair->distance, report->prior);

	appendStringInfoString(report->out, "<li><div class=\"pair\">");
	put_picture(report, pair->a, "genuine sample");
	put_picture(report, pair->b, kind == PAIR_SKILLED ? "forgery" : "genuine sample");
	appendStringInfoString(report->out, "</div><p><bdi>");
	report_text(report->out, a, LABEL_CHARACTERS);
	if (kind == PAIR_RANDOM)
	{
		appendStringInfoString(report->out, "</bdi> and <bdi>");
		report_text(report->out, b, LABEL_CHARACTERS);
	}
	appendStringInfo(report->out, "</bdi>%s<br/><small>distance %.4g, probability %s</small></p></li>\n",
					 kind == PAIR_SKILLED ? " and a forgery" : "", pair->distance, report_percent_text(probability));
}

/* Whether one of the shown pairs has the same identities. */
static bool
shown_before(const Report *report, const Pair *const *shown, int count, const Pair *pair)
{
	const int32 *identity = report->evaluation.pairs.identity;

	for (int i = 0; i < count; i++)
	{
		int			a = identity[shown[i]->a];
		int			b = identity[shown[i]->b];

		if ((identity[pair->a] == a && identity[pair->b] == b) || (identity[pair->a] == b && identity[pair->b] == a))
			return true;
	}
	return false;
}

static void
put_kind(const Report *report, PairKind kind, const char *title, const char *right)
{
	const PairSet *set = &report->evaluation.pairs.set[kind];
	double		threshold = report->evaluation.calibration.threshold;
	const Pair *shown[SHOWN_PAIRS];
	int			count = 0;

	if (set->count == 0)
		return;
	/* the nearest impostors, or the farthest genuine pairs; only one pair of the same two identities */
	for (int64 i = 0; i < set->count && count < SHOWN_PAIRS; i++)
	{
		const Pair *pair = &set->pair[kind == PAIR_GENUINE ? set->count - 1 - i : i];

		if ((kind == PAIR_GENUINE) == (pair->distance <= threshold))
			break;
		if (!shown_before(report, shown, count, pair))
			shown[count++] = pair;
	}
	appendStringInfo(report->out, "<h3>%s</h3>\n", title);
	if (count == 0)
	{
		appendStringInfo(report->out, "<p>None: %s.</p>\n", right);
		return;
	}
	appendStringInfoString(report->out, "<ul class=\"pairs\">\n");
	for (int i = 0; i < count; i++)
		put_pair(report, kind, shown[i]);
	appendStringInfoString(report->out, "</ul>\n");
}

void
pictures_mistakes(Report *report)
{
	put_kind(report, PAIR_RANDOM, "Different identities, taken for the same",
			 "every pair of different identities lies beyond the threshold");
	put_kind(report, PAIR_SKILLED, "Forgeries, taken for genuine", "every forgery lies beyond the threshold");
	put_kind(report, PAIR_GENUINE, "The same identity, taken for different", "every genuine pair lies within the threshold");
}
