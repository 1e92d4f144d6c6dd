/*
 * inkml_internal.h: what an InkML document says of its traces' channels (inkml_context.c), for inkml.c.
 */
#ifndef SIAMESE_INKML_INTERNAL_H
#define SIAMESE_INKML_INTERNAL_H

#include "pen/pen_internal.h"

#define INK_CHANNELS 32			/* of a format, at most */
#define INK_FORMATS 64
#define INK_NAMES 256
#define INK_GROUPS 32			/* <traceGroup> within each other */

typedef enum InkRole
{
	INK_X,
	INK_Y,
	INK_F,
	INK_T,
	INK_OTHER
} InkRole;

#define INK_ROLES 4

typedef struct InkFormat
{
	uint8_t		role[INK_CHANNELS];	/* InkRole of each channel, in their order */
	bool		boolean[INK_CHANNELS];	/* its values are T and F */
	int			channels;
	int			regular;		/* of these; the intermittent ones behind them may be left out of a point */
	bool		has[INK_ROLES];
	double		unit[INK_ROLES];	/* millimetres of one X or Y, seconds of one T; 0: not told */
} InkFormat;

#define INK_NONE (-1)			/* no format */

/* What has been told up to a place in the document.  Formats are numbers: places in format[]. */
typedef struct InkContexts
{
	PenText    *text;
	InkFormat	format[INK_FORMATS];	/* all different; the first is that of documents that tell none */
	int			formats;
	struct
	{
		PenText		name;
		int			format;
	}			named[INK_NAMES];
	int			names;
	int			first;			/* the document's first <traceFormat> */
	int			current;		/* of the last <context> that is not merely a definition */
	int			group[INK_GROUPS];	/* of the <traceGroup> elements that are open */
	int			groups;

	/* elements that are open */
	int			definitions;
	bool		in_format;
	bool		in_intermittent;
	bool		in_source;
	bool		in_context;
	InkFormat	open;			/* <traceFormat> as it grows */
	PenText		format_name;
	PenText		source_name;
	PenText		context_name;
	int			source;
	int			context;
	double		resolution[INK_ROLES];	/* of the <inkSource>: units of one; 0: not told */
} InkContexts;

extern void ink_contexts_begin(InkContexts *contexts, PenText *text);

/* Takes note of a tag; those without a meaning for channels are passed over. */
extern bool ink_contexts_tag(InkContexts *contexts, const PenTag *tag, Status *status);

/* The format of a <trace>; NULL with STATUS_PEN_FORMAT. */
extern const InkFormat *ink_contexts_of_trace(const InkContexts *contexts, const PenTag *trace, Status *status);

#endif
