/*
 * status.h: how a pure room reports errors, and what its host provides.
 *
 * A pure room (matrix, image, pen, network, onnx, distance, sample, tracking) includes no server header.  It never raises: it returns
 * false (or NULL) and fills a Status, which the room above turns into an ereport (common/check.h).  It allocates through
 * a Host, and asks it regularly whether to stop.
 */
#ifndef SIAMESE_STATUS_H
#define SIAMESE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#undef STATUS_OK				/* a macro of the server's c.h, also 0 */

typedef enum StatusCode
{
	STATUS_OK = 0,
	STATUS_NO_MEMORY,			/* the host's allocate returned NULL */
	STATUS_INTERRUPTED,			/* the host's interrupted returned true */
	STATUS_IMAGE_FORMAT,		/* empty, or of no supported format */
	STATUS_IMAGE_TOO_LARGE,		/* the header has more pixels than the limit */
	STATUS_LIBRARY,				/* a library for images cannot be loaded */
	STATUS_MATRIX_LIBRARY,		/* the library for matrix products cannot be loaded */
	STATUS_IMAGE_BROKEN,		/* header or data cannot be decoded */
	STATUS_IMAGE_BLANK,			/* no ink, or all pixels equal */
	STATUS_PEN,					/* an unusable trajectory; detail names the row */
	STATUS_PEN_FORMAT,			/* a file of pen data cannot be read */
	STATUS_DEFINITION,			/* an invalid network definition; detail names the layer or the setting */
	STATUS_ONNX_FORMAT,			/* bytes that are no sound ONNX file */
	STATUS_ONNX_UNSUPPORTED,	/* an ONNX file with something that has no counterpart; detail names node and operator */
	STATUS_ARGUMENT				/* any other argument out of range */
} StatusCode;

#define STATUS_TEXT 320

typedef struct Status
{
	StatusCode	code;
	char		detail[STATUS_TEXT];	/* a full sentence with the offending value and the limit */
	char		hint[STATUS_TEXT];	/* what to do; may be empty */
} Status;

typedef struct Host
{
	void	   *(*allocate) (void *context, size_t size);	/* 64-byte aligned; NULL when there is no memory */
	void		(*release) (void *context, void *pointer);	/* NULL allowed */
	bool		(*interrupted) (void *context); /* true: stop soon; NULL: never */
	void	   *context;
	void		(*debug) (void *context, const char *message);	/* for the log of who looks for a problem; NULL: nobody does */
} Host;

/* Fills *status and returns false, so that callers can write "return status_set(...)".  printf format. */
extern bool status_set(Status *status, StatusCode code, const char *hint, const char *detail, ...)
			__attribute__((format(printf, 4, 5)));

/* host->allocate with count * size checked for overflow; fills *status on failure. */
extern void *host_allocate(const Host *host, size_t count, size_t size, Status *status);
extern void *host_allocate_zero(const Host *host, size_t count, size_t size, Status *status);
extern void host_release(const Host *host, void *pointer);

/* True, with *status filled, if the host wants the work to stop. */
extern bool host_interrupted(const Host *host, Status *status);

#endif
