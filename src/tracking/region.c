/*
 * region.c: geometry of boxes.
 */
#include "tracking/tracking.h"

double
region_area(const Region *box)
{
	return (box->right - box->left) * (box->bottom - box->top);
}

double
region_overlap(const Region *a, const Region *b)
{
	double		left = a->left > b->left ? a->left : b->left;
	double		top = a->top > b->top ? a->top : b->top;
	double		right = a->right < b->right ? a->right : b->right;
	double		bottom = a->bottom < b->bottom ? a->bottom : b->bottom;
	double		common;

	if (left >= right || top >= bottom)
		return 0;
	common = (right - left) * (bottom - top);
	return common / (region_area(a) + region_area(b) - common);
}
