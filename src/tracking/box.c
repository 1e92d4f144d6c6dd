/*
 * box.c: geometry of boxes.
 */
#include "tracking/tracking.h"

double
box_area(const Box *box)
{
	return (box->right - box->left) * (box->bottom - box->top);
}

double
box_overlap(const Box *a, const Box *b)
{
	double		left = a->left > b->left ? a->left : b->left;
	double		top = a->top > b->top ? a->top : b->top;
	double		right = a->right < b->right ? a->right : b->right;
	double		bottom = a->bottom < b->bottom ? a->bottom : b->bottom;
	double		common;

	if (left >= right || top >= bottom)
		return 0;
	common = (right - left) * (bottom - top);
	return common / (box_area(a) + box_area(b) - common);
}
