/*
 * inkml_internal.h: the channels of an InkML document's traces (inkml_context.c), for inkml.c.
 */
#ifndef SIAMESE_INKML_INTERNAL_H
#define SIAMESE_INKML_INTERNAL_H

#include "pen/pen_internal.h"

#define INK_CHANNELS 32			/* of a format, at most */
#define INK_FORMATS 64
#define INK_NAMES 256
#define INK_GROUPS 32			/* nested <traceGroup> elements */

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
	uint8_t		role[INK_CHANNELS];	/* InkRole of each channel, in order */
	bool		boolean[INK_CHANNELS];	/* its values are T and F */
	int			channels;
	int			regular;		/* number of regular channels; the intermittent ones after them may be missing from a point */
	bool		has[INK_ROLES];
	double		unit[INK_ROLES];	/* of X and Y in millimetres, of T in seconds; 0: unknown */
} InkFormat;

#define INK_NONE (-1)			/* no format */

/* Definitions up to a position in the document.  Formats are referred to by their index in format[]. */
typedef struct InkContexts
{
	PenText    *text;
	InkFormat	format[INK_FORMATS];	/* all different; the first one is the default */
	int			formats;
	struct
	{
		PenText		name;
		int			format;
	}			named[INK_NAMES];
	int			names;
	int			first;			/* the document's first <traceFormat> */
	int			current;		/* of the last <context> outside <definitions> */
	int			group[INK_GROUPS];	/* of the open <traceGroup> elements */
	int			groups;

	/* open elements */
	int			definitions;
	bool		in_format;
	bool		in_intermittent;
	bool		in_source;
	bool		in_context;
	InkFormat	open;			/* the <traceFormat> being read */
	PenText		format_name;
	PenText		source_name;
	PenText		context_name;
	int			source;
	int			context;
	double		resolution[INK_ROLES];	/* of the <inkSource>: size of a unit; 0: unknown */
} InkContexts;

extern void ink_contexts_begin(InkContexts *contexts, PenText *text);

/* Processes a tag; those that do not concern channels are ignored. */
extern bool ink_contexts_tag(InkContexts *contexts, const PenTag *tag, Status *status);

/* The format of a <trace>; NULL with STATUS_PEN_FORMAT. */
extern const InkFormat *ink_contexts_of_trace(const InkContexts *contexts, const PenTag *trace, Status *status);

#endif
