/*
 * quality.c: how good tracks are, against true ones: CLEAR MOT and identities.  README.md tells the two matchings.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tracking/tracking.h"

/* ---- order --------------------------------------------------------------------------------------------------------- */

static int
compare_boxes(const void *a, const void *b)
{
	const TrackBox *x = a;
	const TrackBox *y = b;

	if (x->frame != y->frame)
		return x->frame < y->frame ? -1 : 1;
	return (x->track > y->track) - (x->track < y->track);
}

int
track_boxes_sort(TrackBoxes *boxes)
{
	if (boxes->count > 0)
		qsort(boxes->box, boxes->count, sizeof(TrackBox), compare_boxes);
	for (int i = 1; i < boxes->count; i++)
		if (boxes->box[i].frame == boxes->box[i - 1].frame && boxes->box[i].track == boxes->box[i - 1].track)
			return i;
	return -1;
}

/* Boxes of one frame: from first on, count of them. */
typedef struct FrameBoxes
{
	const TrackBox *box;
	int			count;
} FrameBoxes;

/* Those of the frame, which is not before any that was asked for earlier; *place moves behind them. */
static FrameBoxes
boxes_of_frame(const TrackBoxes *boxes, int frame, int *place)
{
	FrameBoxes	found = {boxes->box + *place, 0};

	while (*place < boxes->count && boxes->box[*place].frame == frame)
	{
		found.count++;
		(*place)++;
	}
	return found;
}

/* The nearest frame of either from these places on; false: there is none. */
static bool
next_frame(const TrackBoxes *truth, int truth_place, const TrackBoxes *tracks, int place, int *frame)
{
	bool		has_truth = truth_place < truth->count;
	bool		has_tracks = place < tracks->count;

	if (!has_truth && !has_tracks)
		return false;
	if (has_truth && has_tracks)
	{
		int			a = truth->box[truth_place].frame;
		int			b = tracks->box[place].frame;

		*frame = a < b ? a : b;
	}
	else
		*frame = has_truth ? truth->box[truth_place].frame : tracks->box[place].frame;
	return true;
}

/* ---- CLEAR MOT ----------------------------------------------------------------------------------------------------- */

typedef struct TrueTrack
{
	int			last;			/* the track that it was matched with last; -1: none yet */
	int			boxes;
	int			matched;
	bool		missed;			/* since it was matched last */
} TrueTrack;

typedef struct Clear
{
	const Host *host;
	TrueTrack  *truth;			/* [true tracks] */
	double		overlaps;		/* of matched boxes, their sum */
	int			matches;
	TrackQuality *quality;
	/* of a frame, [most boxes of one] or its square */
	double	   *cost;
	int		   *row;
	int		   *column;
	int		   *assigned;
	bool	   *taken;
} Clear;

static void
match_boxes(Clear *clear, const TrackBox *truth, const TrackBox *track)
{
	TrueTrack  *of = &clear->truth[truth->track];

	if (of->last >= 0 && of->last != track->track)
		clear->quality->switches++;
	if (of->last >= 0 && of->missed)
		clear->quality->fragmentations++;
	of->last = track->track;
	of->missed = false;
	of->matched++;
	clear->overlaps += region_overlap(&truth->box, &track->box);
	clear->matches++;
}

/* The track that the true one was matched with last, if it is here, free and near enough: its place, or -1. */
static int
place_of_last(const Clear *clear, const TrackBox *truth, FrameBoxes tracks)
{
	for (int i = 0; i < tracks.count; i++)
		if (tracks.box[i].track == clear->truth[truth->track].last)
			return clear->taken[i] || region_overlap(&truth->box, &tracks.box[i].box) < TRACK_QUALITY_OVERLAP ? -1 : i;
	return -1;
}

/* One frame.  False with a status. */
static bool
match_frame(Clear *clear, FrameBoxes truth, FrameBoxes tracks, Status *status)
{
	int			rows = 0;
	int			columns = 0;

	memset(clear->taken, 0, sizeof(bool) * tracks.count);
	for (int i = 0; i < truth.count; i++)
	{
		int			place = place_of_last(clear, &truth.box[i], tracks);

		clear->truth[truth.box[i].track].boxes++;
		if (place >= 0)
		{
			match_boxes(clear, &truth.box[i], &tracks.box[place]);
			clear->taken[place] = true;
		}
		else
			clear->row[rows++] = i;
	}
	for (int i = 0; i < tracks.count; i++)
		if (!clear->taken[i])
			clear->column[columns++] = i;
	for (int r = 0; r < rows; r++)
		for (int c = 0; c < columns; c++)
		{
			double		overlap = region_overlap(&truth.box[clear->row[r]].box, &tracks.box[clear->column[c]].box);

			clear->cost[(size_t) r * columns + c] = overlap >= TRACK_QUALITY_OVERLAP ? 1 - overlap : INFINITY;
		}
	/* a pair costs less than one, so that more pairs always cost less */
	if (!assignment_solve(clear->host, rows, columns, clear->cost, rows + 1, clear->assigned, status))
		return false;
	clear->quality->false_positives += columns;
	for (int r = 0; r < rows; r++)
	{
		const TrackBox *box = &truth.box[clear->row[r]];

		if (clear->assigned[r] >= 0)
		{
			match_boxes(clear, box, &tracks.box[clear->column[clear->assigned[r]]]);
			clear->quality->false_positives--;
		}
		else
		{
			clear->quality->misses++;
			clear->truth[box->track].missed = true;
		}
	}
	return true;
}

/* The most boxes of one frame. */
static int
largest_frame(const TrackBoxes *boxes)
{
	int			largest = 0;
	int			place = 0;

	while (place < boxes->count)
	{
		FrameBoxes	frame = boxes_of_frame(boxes, boxes->box[place].frame, &place);

		largest = frame.count > largest ? frame.count : largest;
	}
	return largest;
}

static bool
measure_clear(const Host *host, const TrackBoxes *truth, const TrackBoxes *tracks, TrackQuality *quality, Status *status)
{
	int			rows = largest_frame(truth);
	int			columns = largest_frame(tracks);
	Clear		clear = {.host = host, .quality = quality};
	int			truth_place = 0;
	int			place = 0;
	int			frame;
	bool		done = false;

	clear.truth = host_allocate_zero(host, truth->tracks, sizeof(TrueTrack), status);
	clear.cost = host_allocate(host, (size_t) rows * columns, sizeof(double), status);
	clear.row = host_allocate(host, rows, sizeof(int), status);
	clear.assigned = host_allocate(host, rows, sizeof(int), status);
	clear.column = host_allocate(host, columns, sizeof(int), status);
	clear.taken = host_allocate(host, columns, sizeof(bool), status);
	if (clear.truth != NULL && clear.cost != NULL && clear.row != NULL && clear.assigned != NULL && clear.column != NULL &&
		clear.taken != NULL)
	{
		done = true;
		for (int i = 0; i < truth->tracks; i++)
			clear.truth[i].last = -1;
		while (done && next_frame(truth, truth_place, tracks, place, &frame))
		{
			FrameBoxes	true_boxes = boxes_of_frame(truth, frame, &truth_place);

			done = !host_interrupted(host, status) &&
				match_frame(&clear, true_boxes, boxes_of_frame(tracks, frame, &place), status);
		}
		for (int i = 0; i < truth->tracks; i++)
		{
			const TrueTrack *of = &clear.truth[i];

			quality->true_tracks += of->boxes > 0;
			quality->mostly_tracked += of->boxes > 0 && of->matched >= TRACK_QUALITY_MOSTLY * of->boxes;
			quality->mostly_lost += of->boxes > 0 && of->matched < TRACK_QUALITY_LOST * of->boxes;
		}
		quality->mota = truth->count == 0 ? NAN :
			1 - ((double) quality->misses + quality->false_positives + quality->switches) / truth->count;
		quality->motp = clear.overlaps / clear.matches;
	}
	host_release(host, clear.truth);
	host_release(host, clear.cost);
	host_release(host, clear.row);
	host_release(host, clear.assigned);
	host_release(host, clear.column);
	host_release(host, clear.taken);
	return done;
}

/* ---- identities ---------------------------------------------------------------------------------------------------- */

/* A true track and a track that overlap in some frames. */
typedef struct Meeting
{
	int			truth;
	int			track;
	int			frames;
} Meeting;

typedef struct Meetings
{
	Meeting    *meeting;
	size_t		count;
	size_t		room;
} Meetings;

static int
compare_meetings(const void *a, const void *b)
{
	const Meeting *x = a;
	const Meeting *y = b;

	if (x->truth != y->truth)
		return x->truth < y->truth ? -1 : 1;
	return (x->track > y->track) - (x->track < y->track);
}

/* Sorted, each pair once, with its number of frames. */
static void
merge_meetings(Meetings *meetings)
{
	size_t		kept = 0;

	if (meetings->count == 0)
		return;
	qsort(meetings->meeting, meetings->count, sizeof(Meeting), compare_meetings);
	for (size_t i = 1; i < meetings->count; i++)
	{
		if (compare_meetings(&meetings->meeting[kept], &meetings->meeting[i]) == 0)
			meetings->meeting[kept].frames += meetings->meeting[i].frames;
		else
			meetings->meeting[++kept] = meetings->meeting[i];
	}
	meetings->count = kept + 1;
}

static bool
add_meeting(const Host *host, Meetings *meetings, int truth, int track, Status *status)
{
	if (meetings->count == meetings->room)
		merge_meetings(meetings);
	if (meetings->count >= meetings->room / 2)
	{
		size_t		room = meetings->room > 0 ? 2 * meetings->room : 1024;
		Meeting    *larger = host_allocate(host, room, sizeof(Meeting), status);

		if (larger == NULL)
			return false;
		if (meetings->count > 0)
			memcpy(larger, meetings->meeting, sizeof(Meeting) * meetings->count);
		host_release(host, meetings->meeting);
		meetings->meeting = larger;
		meetings->room = room;
	}
	meetings->meeting[meetings->count++] = (Meeting) {truth, track, 1};
	return true;
}

static bool
find_meetings(const Host *host, const TrackBoxes *truth, const TrackBoxes *tracks, Meetings *meetings, Status *status)
{
	int			truth_place = 0;
	int			place = 0;
	int			frame;

	while (next_frame(truth, truth_place, tracks, place, &frame))
	{
		FrameBoxes	a = boxes_of_frame(truth, frame, &truth_place);
		FrameBoxes	b = boxes_of_frame(tracks, frame, &place);

		if (host_interrupted(host, status))
			return false;
		for (int i = 0; i < a.count; i++)
			for (int j = 0; j < b.count; j++)
				if (region_overlap(&a.box[i].box, &b.box[j].box) >= TRACK_QUALITY_OVERLAP &&
					!add_meeting(host, meetings, a.box[i].track, b.box[j].track, status))
					return false;
	}
	merge_meetings(meetings);
	return true;
}

/* ---- groups of tracks that meet: each is an assignment of its own ---- */

static int
group_of(int *parent, int node)
{
	while (parent[node] != node)
		node = parent[node] = parent[parent[node]];
	return node;
}

typedef struct Identities
{
	const Host *host;
	const Meetings *meetings;
	int		   *group;			/* [true tracks + tracks]: union by parents */
	int		   *number;			/* [true tracks + tracks]: within its group, -1: not seen */
	int64_t		matched;		/* frames */
} Identities;

/* The group whose meetings are order[first] .. order[last - 1]. */
static bool
assign_group(Identities *identities, int true_tracks, const size_t *order, size_t first, size_t last, Status *status)
{
	const Meeting *meeting = identities->meetings->meeting;
	int			rows = 0;
	int			columns = 0;
	double	   *cost;
	int		   *column;
	bool		done = false;

	for (size_t i = first; i < last; i++)
	{
		int		   *row = &identities->number[meeting[order[i]].truth];
		int		   *other = &identities->number[true_tracks + meeting[order[i]].track];

		if (*row < 0)
			*row = rows++;
		if (*other < 0)
			*other = columns++;
	}
	cost = host_allocate_zero(identities->host, (size_t) rows * columns, sizeof(double), status);
	column = host_allocate(identities->host, rows, sizeof(int), status);
	if (cost != NULL && column != NULL)
	{
		for (size_t i = first; i < last; i++)
			cost[(size_t) identities->number[meeting[order[i]].truth] * columns +
				 identities->number[true_tracks + meeting[order[i]].track]] = -meeting[order[i]].frames;
		done = assignment_solve(identities->host, rows, columns, cost, 0, column, status);
		for (int row = 0; row < rows && done; row++)
			if (column[row] >= 0)
				identities->matched -= (int64_t) cost[(size_t) row * columns + column[row]];
	}
	host_release(identities->host, cost);
	host_release(identities->host, column);
	return done;
}

/* Meetings by group, in counting sort: start [nodes + 1] is scratch. */
static void
order_by_group(const Identities *identities, int nodes, size_t *start, size_t *order)
{
	const Meetings *meetings = identities->meetings;

	memset(start, 0, sizeof(size_t) * (nodes + 1));
	for (size_t i = 0; i < meetings->count; i++)
		start[group_of(identities->group, meetings->meeting[i].truth) + 1]++;
	for (int i = 0; i < nodes; i++)
		start[i + 1] += start[i];
	for (size_t i = 0; i < meetings->count; i++)
		order[start[group_of(identities->group, meetings->meeting[i].truth)]++] = i;
}

static bool
assign_identities(Identities *identities, int true_tracks, int tracks, size_t *start, size_t *order, Status *status)
{
	const Meetings *meetings = identities->meetings;
	int			nodes = true_tracks + tracks;
	size_t		first = 0;

	for (int i = 0; i < nodes; i++)
	{
		identities->group[i] = i;
		identities->number[i] = -1;
	}
	for (size_t i = 0; i < meetings->count; i++)
		identities->group[group_of(identities->group, true_tracks + meetings->meeting[i].track)] =
			group_of(identities->group, meetings->meeting[i].truth);
	order_by_group(identities, nodes, start, order);
	for (size_t i = 1; i <= meetings->count; i++)
	{
		if (i < meetings->count && group_of(identities->group, meetings->meeting[order[i]].truth) ==
			group_of(identities->group, meetings->meeting[order[first]].truth))
			continue;
		if (!assign_group(identities, true_tracks, order, first, i, status))
			return false;
		first = i;
	}
	return true;
}

static bool
measure_identities(const Host *host, const TrackBoxes *truth, const TrackBoxes *tracks, TrackQuality *quality, Status *status)
{
	size_t		nodes = (size_t) truth->tracks + tracks->tracks;
	Meetings	meetings = {0};
	Identities	identities = {.host = host, .meetings = &meetings};
	size_t	   *start = NULL;
	size_t	   *order = NULL;
	bool		done = find_meetings(host, truth, tracks, &meetings, status);

	if (done)
	{
		identities.group = host_allocate(host, nodes, sizeof(int), status);
		identities.number = host_allocate(host, nodes, sizeof(int), status);
		start = host_allocate(host, nodes + 1, sizeof(size_t), status);
		order = host_allocate(host, meetings.count, sizeof(size_t), status);
		done = identities.group != NULL && identities.number != NULL && start != NULL && order != NULL &&
			assign_identities(&identities, truth->tracks, tracks->tracks, start, order, status);
	}
	host_release(host, meetings.meeting);
	host_release(host, identities.group);
	host_release(host, identities.number);
	host_release(host, start);
	host_release(host, order);
	quality->idf1 = 2.0 * (double) identities.matched / ((double) truth->count + tracks->count);
	quality->idp = (double) identities.matched / tracks->count;
	quality->idr = (double) identities.matched / truth->count;
	return done;
}

bool
track_quality_measure(const Host *host, const TrackBoxes *truth, const TrackBoxes *tracks, TrackQuality *quality, Status *status)
{
	*quality = (TrackQuality) {.true_boxes = truth->count, .tracks = tracks->tracks, .boxes = tracks->count};
	return measure_clear(host, truth, tracks, quality, status) && measure_identities(host, truth, tracks, quality, status);
}
